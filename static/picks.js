/* The versions that are selected on a group page: kept while rows are filtered, loaded and refreshed. */
(() => {
  const form = document.getElementById('picks'); if (!form) return;
  const MOST = 8, picked = new Set(), say = (text) => document.dispatchEvent(new CustomEvent('toast', { detail: { text } }));
  const boxes = () => [...document.querySelectorAll('input[form=picks][name=v]')];
  const show = () => {
    const numbers = [...picked].sort((a, b) => a - b), there = new Set();
    for (const box of boxes()) { box.checked = picked.has(+box.value); there.add(+box.value); }
    /* what a filter hides is sent all the same */
    form.querySelectorAll('input').forEach((x) => x.remove());
    for (const n of numbers) if (!there.has(n)) form.append(Object.assign(document.createElement('input'), { type: 'hidden', name: 'v', value: n }));
    form.classList.toggle('is-on', numbers.length > 0);
    form.querySelector('[data-picked-count]').textContent = numbers.length;
    form.querySelector('[data-picked-list]').textContent = numbers.map((n) => `v${n}`).join(' ');
  };
  document.addEventListener('change', (e) => {
    const box = e.target; if (!box.matches?.('input[form=picks]')) return;
    if (box.checked && picked.size >= MOST) { box.checked = false; say(`At most ${MOST} versions are compared`); return; }
    if (box.checked) picked.add(+box.value); else picked.delete(+box.value);
    show();
  });
  form.addEventListener('reset', (e) => { e.preventDefault(); picked.clear(); show(); });
  form.addEventListener('submit', (e) => { if (picked.size < 2) { e.preventDefault(); say('Select one more version to compare'); } });
  /* rows come and go by htmx and by live.js; a browser brings checks back by itself after Back */
  new MutationObserver((changes) => { if (changes.some((c) => [...c.addedNodes].some((n) => n.querySelector?.('input[form=picks]') || n.matches?.('tr.v')))) show(); }).observe(document.getElementById('main'), { childList: true, subtree: true });
  addEventListener('pageshow', () => { for (const box of boxes()) if (box.checked && picked.size < MOST) picked.add(+box.value); show(); });
})();
