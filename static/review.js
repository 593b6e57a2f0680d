/* The review queue and the rules of a group, beyond HTML and HTMX: which item is picked, and keys that prepare a decision. */
(() => {
  const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
  const visible = (el) => !!el && (el.checkVisibility ? el.checkVisibility() : el.getClientRects().length > 0);
  const pane = $('#review-pane');

  /* ---------- the list follows the pane ---------- */
  const follow = () => {
    const at = $('[data-at]', pane)?.dataset.at;
    for (const item of $$('.inbox__a')) {
      const picked = item.dataset.at === at;
      if (picked) item.setAttribute('aria-current', 'true'); else item.removeAttribute('aria-current');
      item.classList.toggle('is-cursor', picked);
    }
    $('.inbox__a[aria-current]')?.scrollIntoView({ block: 'nearest' });
  };
  if (pane) document.addEventListener('htmx:afterSettle', (e) => { if (e.detail.target === pane || e.target.closest?.('#queue-list')) follow(); });

  /* where there is no room for the pane, a picked item opens its own page */
  document.addEventListener('htmx:beforeRequest', (e) => {
    const item = e.detail.elt; if (!item.matches?.('a.inbox__a') || visible(pane)) return;
    e.preventDefault(); location.assign(item.href);
  });

  /* A and R choose what Ctrl Enter submits: A focuses Approve, R the comment of a rejection; nothing is decided by one key */
  const single = () => { try { return localStorage.singleKeys !== 'off'; } catch { return true; } };
  document.addEventListener('keydown', (e) => {
    if (!pane || e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || !single() || e.target.closest?.('input:not([type=checkbox]), textarea, select, dialog[open]')) return;
    const word = { a: 'approve', r: 'reject' }[e.key.toLowerCase()], button = word && $(`[data-decide=${word}]`, pane);
    if (!visible(button)) return;
    e.preventDefault(); $$('[data-decide]', pane).forEach((b) => { delete b.dataset.default; }); button.dataset.default = '';
    (word === 'approve' ? button : $('textarea', button.form)).focus();
  });

  /* ---------- rules: a name that the newest versions have becomes a line ---------- */
  document.addEventListener('click', (e) => {
    const chip = e.target.closest?.('[data-line]'); if (!chip) return;
    const box = document.getElementById(chip.dataset.into), lines = box.value.split('\n').filter((x) => x.trim());
    if (!lines.includes(chip.dataset.line)) lines.push(chip.dataset.line);
    box.value = lines.join('\n'); box.focus();
  });
})();
