/* An open page that shows what others do: asks every few seconds, puts what changed in place, and leaves alone what is in use. */
(() => {
  const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
  const live = $('[data-live]'); if (!live) return;
  const EVERY = 3000, SLOWEST = 60000, PARTS = ['version-count', 'group-standing', 'band-approved', 'band-waiting', 'band-trend', 'timeline-status', 'timeline-filters', 'timeline-count', 'live-note'];
  const held = new Map(); /* parts that somebody was using when they changed: put in place as soon as nobody does */
  let wait = EVERY, timer = 0, asking = false, stopped = false;

  const selected = (el) => { const s = getSelection(); return !!s && !s.isCollapsed && s.containsNode(el, true); };
  const typed = (el) => $$('input, textarea', el).some((x) => (/checkbox|radio/.test(x.type) ? x.checked !== x.defaultChecked : x.value !== x.defaultValue));
  const busy = (el) => {
    const at = document.activeElement;
    return selected(el) || !!$('details[open], :popover-open', el) || typed(el) || (el.contains(at) && at.matches('input, select, textarea, summary'));
  };
  const FOCUSABLE = 'a[href], button, input[type=checkbox], [tabindex="0"]';
  /* where the focus is within a part, to give it to the same control of the new one */
  const focusIn = (el) => (el.contains(document.activeElement) ? { tag: document.activeElement.tagName, at: $$(FOCUSABLE, el).indexOf(document.activeElement) } : null);
  const focusAgain = (el, was) => { const to = was && el && $$(FOCUSABLE, el)[was.at]; if (to?.tagName === was?.tag) to?.focus({ preventScroll: true }); };
  const put = (old, fresh) => { const was = focusIn(old); old.replaceWith(fresh); globalThis.htmx?.process(fresh); focusAgain(fresh, was); };

  /* ---------- rows: new ones on top, changed ones in place; pages that were loaded since, the cursor and the view stay ---------- */
  const number = (row) => +row.id.replace(/\D+/, '');
  const bodies = (table) => $$('tbody:not(.t-newer, .t-more)', table), lines = (root) => $$('tr.v, tr.t-gone', root);
  const words = (row) => ['.t-status', '.t-metric', '.t-body', '.t-label'].map((s) => $(s, row)?.textContent ?? '').join('|');
  const putRows = (table, fresh) => {
    const more = $('.t-more', fresh), oldMore = $('.t-more', table), low = more ? Math.min(...$$('tr.v', fresh).map(number)) : 0;
    const known = new Map(lines(table).map((row) => [row.id, words(row)]));
    const scrolled = table.getBoundingClientRect().top < 0, anchor = scrolled && $$('tr.v', table).find((row) => row.getBoundingClientRect().bottom > 0);
    const seen = anchor && { id: anchor.id, top: anchor.getBoundingClientRect().top };
    const cursor = $('.is-cursor', table)?.id, row = document.activeElement?.closest?.('tr.v'), was = row && table.contains(row) ? { id: row.id, focus: focusIn(row) } : null;
    for (const body of bodies(table)) {
      const gone = lines(body).filter((x) => number(x) >= low); gone.forEach((x) => x.remove());
      if (!lines(body).length) body.remove(); else if (gone.length) $('.t-period', body)?.remove();
    }
    const [kept] = bodies(table), added = bodies(fresh), last = $$('.t-period .t-label', fresh).pop()?.textContent;
    if (kept && $('.t-period .t-label', kept)?.textContent === last) $('.t-period', kept)?.remove();
    for (const x of added.flatMap(lines)) { if (!known.has(x.id)) x.classList.add('is-new'); else if (known.get(x.id) !== words(x)) x.classList.add('is-changed'); }
    $('thead', table).replaceWith($('thead', fresh));
    if (!kept && oldMore) oldMore.remove();
    const before = kept ?? null; added.forEach((body) => table.insertBefore(body, before));
    if (!kept && more) { table.append(more); globalThis.htmx?.process(more); }
    if (cursor) document.getElementById(cursor)?.classList.add('is-cursor');
    if (was && !table.contains(document.activeElement)) { const again = document.getElementById(was.id); if (again) focusAgain(again, was.focus); }
    const now = seen && document.getElementById(seen.id); if (now) scrollBy(0, now.getBoundingClientRect().top - seen.top);
  };
  const putCard = (old, fresh) => { const table = $('table', old), rows = $('table', fresh); if (table && rows) putRows(table, rows); else put(old, fresh); };
  const rowsBusy = (card) => selected(card) || !!$('#rowmenu:popover-open');

  const settle = () => {
    for (const [id, fresh] of held) {
      const old = document.getElementById(id);
      if (old && (id === 'timeline-card' ? rowsBusy(old) : busy(old))) continue;
      held.delete(id); if (!old) continue;
      if (id === 'timeline-card') putCard(old, fresh); else put(old, fresh);
    }
  };
  const take = (html) => {
    const fresh = new DOMParser().parseFromString(html, 'text/html'), found = (id) => fresh.getElementById(id);
    const said = found('live')?.textContent; if (said) live.textContent = said;
    if (found('group-body') && !$('#group-body')) held.set('timeline', found('timeline')); /* the first version of a group */
    for (const id of [...PARTS, 'timeline-card']) if (found(id) && (id === 'version-count' || !held.has('timeline'))) held.set(id, found(id));
    settle();
  };

  /* ---------- asking ---------- */
  const ask = async () => {
    if (asking || stopped) return;
    asking = true; const search = location.search, asked = new URLSearchParams(search); asked.set('after', live.dataset.after);
    try {
      const answer = await fetch(`${live.dataset.live}?${asked}`, { headers: { 'HX-Request': 'true' }, redirect: 'manual', signal: AbortSignal.timeout(15000) });
      if ([400, 401, 403, 404, 410].includes(answer.status)) {
        stopped = true; /* signed out, or what the page shows is gone */
        const text = answer.status === 404 || answer.status === 410 ? await answer.text() : '';
        if (text) document.dispatchEvent(new CustomEvent('toast', { detail: { text, kind: 'bad' } }));
      } else if (answer.status === 200) {
        const html = await answer.text();
        /* another filter was chosen meanwhile: what came is for the one before, and is asked again */
        if (search === location.search) { take(html); live.dataset.after = answer.headers.get('X-Live-After') ?? live.dataset.after; }
      }
      wait = answer.status === 200 || answer.status === 204 ? EVERY : Math.min(wait * 2, SLOWEST);
    } catch { wait = Math.min(wait * 2, SLOWEST); /* no connection, or asleep: silently again, ever more rarely */ }
    asking = false;
  };
  const next = () => { clearTimeout(timer); if (!document.hidden && !stopped) timer = setTimeout(async () => { settle(); await ask(); next(); }, wait); };
  document.addEventListener('visibilitychange', async () => { clearTimeout(timer); if (document.hidden) return; wait = EVERY; await ask(); next(); });
  addEventListener('online', () => { wait = EVERY; next(); });
  next();
})();
