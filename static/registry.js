/* What HTML and HTMX cannot do. Everything here is an extra: each page works without it. */
(() => {
  const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
  const on = (type, fn, where = document) => where.addEventListener(type, fn);
  const clicked = (selector, fn) => on('click', (e) => { const b = e.target.closest?.(selector); if (b) fn(b, e); });
  const visible = (el) => (el.checkVisibility ? el.checkVisibility() : el.getClientRects().length > 0);
  const FOCUSABLE = 'a[href], button:not([disabled]), input:not([type=hidden]):not([disabled]), select, textarea, summary, [tabindex="0"]';

  /* ---------- toasts: HX-Trigger {"toast": {"text": …, "kind": "bad"}}, and the server's messages ---------- */
  const say = (text, kind = '') => {
    const box = $('#toasts'); if (!box || !text) return;
    const toast = document.createElement('div');
    toast.className = kind === 'bad' ? 'toast toast--bad' : 'toast'; toast.textContent = text;
    box.append(toast); while (box.children.length > 3) box.firstElementChild.remove();
  };
  /* a toast goes by itself, but not while somebody points at it or is in it */
  const fade = (toast) => setTimeout(() => (toast.matches(':hover, :focus-within') ? fade(toast) : toast.remove()), $('button', toast) || toast.matches('.toast--bad') ? 10000 : 4500);
  if ($('#toasts')) {
    $$('#toasts .toast').forEach(fade);
    new MutationObserver((changes) => changes.forEach((c) => c.addedNodes.forEach((n) => { if (n.nodeType === 1) fade(n); }))).observe($('#toasts'), { childList: true });
  }
  on('toast', (e) => say(e.detail.text ?? e.detail.value, e.detail.kind));

  /* ---------- controls that show what this browser keeps, and keys as they stand on it ---------- */
  const single = { get off() { try { return localStorage.singleKeys === 'off'; } catch { return false; } }, set off(v) { try { localStorage.singleKeys = v ? 'off' : 'on'; } catch { say('The browser does not keep this choice', 'bad'); } } };
  const isMac = /Mac|iP(hone|ad)/.test(navigator.platform);
  const reveal = (root) => {
    $$('[data-single-keys]', root).forEach((b) => { b.checked = !single.off; });
    if (isMac) $$('[data-mod]', root).forEach((k) => { k.textContent = k.textContent.replace('Ctrl', 'Cmd'); });
  };
  reveal(document);

  /* ---------- copy ---------- */
  const copied = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    /* a registry on plain http inside a company has no clipboard API */
    const box = document.createElement('textarea'); box.value = text; box.className = 'vh'; box.readOnly = true;
    (document.activeElement?.closest('dialog') ?? document.body).append(box);
    const back = document.activeElement; box.select(); const done = document.execCommand('copy'); box.remove(); back?.focus();
    if (!done) throw new Error('refused');
  };
  clicked('[data-copy], [data-copy-code]', async (b) => {
    const code = b.dataset.copy ?? $$('pre', b.closest('.card')).find(visible)?.textContent.trim() ?? '';
    try { await copied(code); b.dataset.done = ''; say('Copied'); setTimeout(() => delete b.dataset.done, 1500); } catch { say('Copy is blocked by the browser', 'bad'); }
  });

  /* ---------- dialogs and menus ---------- */
  if (!('commandForElement' in HTMLButtonElement.prototype)) clicked('[commandfor]', (b) => {
    const d = document.getElementById(b.getAttribute('commandfor')); if (!d) return;
    if (b.getAttribute('command') === 'close') d.close(); else if (!d.open) d.showModal();
  });
  /* a link to a form's own page opens the same form as a dialog: <a href="/groups/new/" data-dialog="newgroup"> */
  clicked('a[data-dialog]', (a, e) => {
    const d = document.getElementById(a.dataset.dialog);
    if (d && !e.ctrlKey && !e.metaKey && !e.shiftKey && e.button === 0) { e.preventDefault(); d.showModal(); }
  });
  on('click', (e) => {
    if (e.target.matches?.('dialog[open]')) e.target.close();
    $$('details.facet[open]').forEach((d) => { if (!d.contains(e.target)) d.open = false; });
    const menu = e.target.closest?.('.menu[popover]'); if (menu && e.target.closest('[data-copy], [data-close]')) menu.hidePopover?.();
  });

  /* one menu serves all rows of a timeline: it is filled from the row whose button opens it */
  clicked('[popovertarget=rowmenu]', (b) => {
    const menu = document.getElementById(b.getAttribute('popovertarget')), row = b.closest('tr'), link = $('a.ver', row), file = $('[data-uri]', row);
    $('a', menu).href = `${link.getAttribute('href')}#review`;
    $('[data-row-arn]', menu).dataset.copy = menu.dataset.arn + link.textContent.trim().slice(1);
    const number = link.textContent.trim().slice(1), compare = $('[data-row-compare]', menu), base = compare?.dataset.rowCompare;
    if (compare) { compare.hidden = base === number; compare.href = `${compare.href.split('?')[0]}?v=${base}&v=${number}&base=${base}`; }
    const copy = $('[data-row-uri]', menu); copy.hidden = !file; copy.dataset.copy = file?.title ?? '';
  });

  /* ---------- repeated rows ---------- */
  clicked('[data-remove-row]', (b, e) => {
    const row = b.closest('[data-repeat-row]'); if (!row) return; e.preventDefault();
    const rows = $$('[data-repeat-row]', row.parentElement), next = rows[rows.indexOf(row) + 1] ?? rows[rows.indexOf(row) - 1];
    const add = $('[data-add-row]', row.parentElement) ?? $('input:not([type=hidden])', b.form ?? row.parentElement);
    row.remove(); ($('[data-remove-row]', next ?? document.createElement('i')) ?? add)?.focus();
  });
  clicked('[data-add-row]', (b) => {
    const template = document.getElementById(b.dataset.addRow); if (!template) return;
    const count = b.dataset.next = +(b.dataset.next ?? $$('[data-repeat-row]', b.closest('.repeat') ?? b.form).length) + 1;
    const copy = template.content.cloneNode(true);
    for (const el of copy.querySelectorAll('*')) for (const at of [...el.attributes]) if (at.value.includes('__n__')) el.setAttribute(at.name, at.value.replaceAll('__n__', count));
    const row = copy.firstElementChild; reveal(copy); (b.closest('.repeat > *') ?? b).before(copy);
    globalThis.htmx?.process(row); $('input, select, textarea', row)?.focus();
  });

  /* ---------- the palette of Ctrl K: made here, since it does nothing without script; its list comes with the focus ---------- */
  const jump = $('a.jump[href]');
  if (jump) {
    const d = document.createElement('dialog'), path = jump.getAttribute('href');
    d.className = 'dialog palette'; d.id = 'palette'; d.dataset.key = 'mod+k'; d.setAttribute('aria-label', 'Search and commands');
    d.innerHTML = `<form class="palette__in" role="search" aria-label="Everything" action="${path}" method="get">${$('svg', jump).outerHTML}<input id="palette-q" name="q" type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list" aria-label="Search groups, versions and commands" placeholder="Search, or paste an ARN, image or S3 URI" autocomplete="off" autocapitalize="none" spellcheck="false" maxlength="1200" autofocus hx-get="${path}" hx-trigger="focus, input changed delay:120ms" hx-target="#palette-list" hx-sync="this:replace"><input type="hidden" name="go" value="1"><button class="btn btn--ghost btn--s" type="button" commandfor="palette" command="close"><kbd>Esc</kbd><span class="vh"> Close</span></button></form>
<div class="palette__list" id="palette-list" role="listbox" aria-label="Results" tabindex="-1" data-stays></div><p class="vh" role="status" id="palette-told"></p>
<div class="palette__foot" aria-hidden="true"><span><kbd>↑</kbd><kbd>↓</kbd> move</span><span><kbd>Enter</kbd> open</span><span>Type <kbd>&gt;</kbd> for commands, <kbd>v25</kbd> for a version</span></div>`;
    document.body.append(d); globalThis.htmx?.process(d);
  }

  /* ---------- filter box: tokens and suggestions ---------- */
  const listOf = (box) => document.getElementById(box.getAttribute('aria-controls') ?? '');
  const options = (list) => $$('[role=option]:not([aria-disabled])', list);
  /* the palette's list stays as long as its dialog, and its first line is chosen: Enter opens it */
  const openList = (box, open) => {
    const list = listOf(box); if (!list) return; const stays = 'stays' in list.dataset;
    list.hidden = !open && !stays; box.setAttribute('aria-expanded', open || stays); choose(box, stays && open ? 0 : -1);
  };
  const choose = (box, i) => {
    options(listOf(box)).forEach((o, n) => {
      o.id ||= `${box.id || 'box'}-option-${n}`; o.setAttribute('aria-selected', n === i);
      if (n === i) { box.setAttribute('aria-activedescendant', o.id); o.scrollIntoView({ block: 'nearest' }); }
    });
    if (i < 0) box.removeAttribute('aria-activedescendant');
  };
  /* the word under the cursor, with quoted values as one word */
  const wordAt = (box) => { const before = box.value.slice(0, box.selectionStart ?? box.value.length); return before.match(/(?:[^\s"()]|"[^"]*"?)*$/)[0]; };
  const pick = (box, option) => {
    if (option.href) { option.click(); return; }
    const value = option.dataset.value ?? option.textContent.trim(), end = box.selectionStart ?? box.value.length;
    const start = end - wordAt(box).length, done = !/[:=<>]$/.test(value);
    const rest = box.value.slice(end).replace(/^[^\s)]*/, ''), text = value + (done && !/^[ )]/.test(rest) ? ' ' : '');
    box.value = box.value.slice(0, start) + text + rest; box.focus();
    box.setSelectionRange(start + text.length, start + text.length); openList(box, false);
    box.dispatchEvent(new Event('input', { bubbles: true }));
  };
  on('keydown', (e) => {
    const box = e.target; if (!box.matches?.('[role=combobox]')) return;
    const list = listOf(box), all = list ? options(list) : [], open = list && !list.hidden && all.length;
    const i = all.findIndex((o) => o.getAttribute('aria-selected') === 'true'), stays = list && 'stays' in list.dataset;
    /* what is listed is for an earlier text: the form asks, and the server leads on */
    if (stays && e.key === 'Enter' && $('[data-q]', list)?.dataset.q !== box.value.trim().replace(/\s+/g, ' ')) return;
    if (e.key === 'Backspace' && !box.value) { $$('.token__x', box.closest('.search__box') ?? box.form).pop()?.click(); }
    else if ((e.key === 'ArrowDown' || e.key === 'ArrowUp') && all.length) {
      e.preventDefault(); if (!open) openList(box, true);
      choose(box, (i + (e.key === 'ArrowDown' ? 1 : i < 0 ? 0 : -1) + all.length) % all.length);
    } else if (e.key === 'Enter' && open && i >= 0) { e.preventDefault(); pick(box, all[i]); }
    else if (e.key === 'Enter' && !stays) openList(box, false);
    else if (e.key === 'Escape' && open && !stays) { e.preventDefault(); e.stopImmediatePropagation(); openList(box, false); }
  });
  on('mousedown', (e) => { if (e.target.closest?.('[role=listbox]')) e.preventDefault(); });
  clicked('[role=listbox] [role=option]', (o) => {
    const id = o.closest('[role=listbox]').id, box = $(`[role=combobox][aria-controls="${id}"]`); if (box && o.dataset.value != null) pick(box, o);
  });
  on('focusout', (e) => { if (e.target.matches?.('[role=combobox]')) openList(e.target, false); });

  /* ---------- keyboard ---------- */
  on('change', (e) => { if (e.target.matches?.('[data-single-keys]')) single.off = !e.target.checked; });

  /* What a key does stands on the element that does it, so that a page needs no line of script for its keys:
     data-key="a"      a dialog opens, a field gets the focus, a link or button is clicked
     data-key-focus    beside it: the focus only, for what must not happen at once
     data-key="g r"    G, then R; "mod+k" is Ctrl K and Cmd K, also in fields; "Escape" is asked when nothing else takes it
     Within rows (data-row) the row of the cursor is meant; what is in main goes before the frame of the page. */
  /* rows are read again at every key, since swaps replace them; the cursor is where the focus is, else where it was */
  let cursorId = '', chord = '', chordAt = 0;
  const rows = () => $$('[data-row]').filter(visible);
  const cursorRow = (all = rows()) => document.activeElement?.closest?.('[data-row]') ?? all.find((r) => r.classList.contains('is-cursor') || (cursorId && r.id === cursorId));
  const move = (by) => {
    const all = rows(); if (!all.length) return;
    const at = all.indexOf(cursorRow(all)), row = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))];
    $$('.is-cursor').forEach((r) => r.classList.remove('is-cursor')); row.classList.add('is-cursor'); cursorId = row.id;
    (row.matches('a') ? row : $('a[data-open]', row) ?? $('a', row))?.focus({ preventScroll: true }); row.scrollIntoView({ block: 'nearest' });
  };
  const usable = (el) => !el.disabled && el.ariaDisabled !== 'true' && !el.closest('[hidden], [inert]') && (el.matches('dialog, a[href]') || visible(el));
  const meant = (key) => {
    const all = $$(`[data-key="${CSS.escape(key)}"]`).filter(usable), row = cursorRow();
    return all.find((el) => row?.contains(el)) ?? all.filter((el) => !el.closest('[data-row]')).sort((a, b) => !!b.closest('main') - !!a.closest('main'))[0];
  };
  /* true where the page has something for the key */
  const press = (key, e) => {
    const el = meant(key); if (!el) return false;
    e.preventDefault(); /* else an n lands in the first field of the dialog that it opens */
    if (el.matches('dialog')) { if (!el.open) el.showModal(); }
    else if (el.matches('input:not([type=checkbox], [type=radio]), textarea, select') || 'keyFocus' in el.dataset) { el.focus(); el.select?.(); }
    else el.click();
    return true;
  };
  on('keydown', (e) => {
    if (e.defaultPrevented || e.isComposing) return;
    const key = e.key.length === 1 ? e.key.toLowerCase() : e.key, mod = e.ctrlKey || e.metaKey;
    if (mod && e.key === 'Enter' && e.target.form) {
      /* a form with two decisions has no default: Ctrl Enter must not pick one */
      const submits = [...e.target.form.elements].filter((b) => b.type === 'submit' && !b.disabled), main = submits.find((b) => 'default' in b.dataset) ?? (submits.length < 2 ? submits[0] : null);
      e.preventDefault(); if (main) main.click(); else if (!submits.length) e.target.form.requestSubmit(); return; /* a click names the button to HTMX too */
    }
    if (mod) {
      const open = $('dialog[open]'); if (e.altKey || e.shiftKey || e.repeat) return;
      if (open?.dataset.key === `mod+${key}`) { e.preventDefault(); open.close(); } else if (!open) press(`mod+${key}`, e);
      return;
    }
    if (e.key === 'Escape') {
      const cancel = $('[data-esc]', e.target.closest?.('[data-editing], form, tr') ?? document.createElement('i'));
      const facet = e.target.closest?.('details.facet[open]');
      if (cancel) { e.preventDefault(); cancel.click(); } else if (facet) { facet.open = false; $('summary', facet).focus(); }
      else if (e.target.matches?.('#q')) e.target.blur();
      else if (!e.target.closest?.('dialog[open]') && !$(':popover-open')) press('Escape', e);
      return;
    }
    if (e.altKey || single.off || e.target.closest?.('input:not([type=checkbox]):not([type=radio]), textarea, select, dialog[open], [contenteditable]')) return;
    if (key === 'j' || key === 'k') { if (!chord || e.timeStamp - chordAt > 900) { chord = ''; move(key === 'j' ? 1 : -1); return; } }
    if (e.repeat) return;
    /* the second key of a pair is never taken for a key of its own: G R must not open a dialog where there is no queue */
    if (chord && e.timeStamp - chordAt < 900) { const pair = `${chord} ${key}`; chord = ''; press(pair, e); return; }
    chord = $(`[data-key^="${CSS.escape(key)} "]`) ? key : ''; chordAt = e.timeStamp;
    if (!chord) press(key, e);
  });

  /* hx-confirm="label": the label of the button is the question, and a row need not say it twice */
  on('htmx:confirm', (e) => {
    if (e.detail.question !== 'label') return;
    e.preventDefault(); if (confirm(`${e.detail.elt.getAttribute('aria-label')}?`)) e.detail.issueRequest(true);
  });

  /* ---------- around a swap: open menus stay open, focus never falls to the body ---------- */
  let used = null, openFacets = [], near = null;
  const nameOf = (el) => el && { id: el.id, name: el.name, value: el.type === 'checkbox' || el.type === 'submit' ? el.value : null, label: el.getAttribute('aria-label') ?? el.textContent.trim().slice(0, 80), tag: el.tagName, dialog: el.closest('dialog') };
  on('htmx:beforeRequest', (e) => { const from = document.activeElement; used = from && from !== document.body ? nameOf(from) : nameOf(e.detail.elt); });
  on('htmx:beforeSwap', (e) => {
    const target = e.detail.target; if (!target?.closest) return;
    openFacets = $$('details.facet[open][id]', target).map((d) => d.id);
    near = { id: target.id, next: target.nextElementSibling, previous: target.previousElementSibling, parent: target.parentElement, dialog: target.closest('dialog[open]') };
  });
  const twin = (root, was) => {
    if (!was) return null; const all = $$(FOCUSABLE, root).filter(visible);
    return (was.id && all.find((x) => x.id === was.id)) || (was.name && all.find((x) => x.name === was.name && x.tagName === was.tag && (was.value == null || x.value === was.value))) || all.find((x) => (x.getAttribute('aria-label') ?? x.textContent.trim().slice(0, 80)) === was.label && x.tagName === was.tag);
  };
  on('htmx:afterRequest', (e) => {
    const status = e.detail.xhr?.status ?? 0, good = status > 0 && status < 400, spot = near; near = null; /* htmx calls a swapped 422 successful */
    if (!spot) return; /* nothing was swapped */
    const fresh = (spot.id && document.getElementById(spot.id)) || (e.detail.target?.isConnected ? e.detail.target : null);
    openFacets.forEach((id) => document.getElementById(id)?.setAttribute('open', '')); openFacets = [];
    reveal(document);
    $('dialog[data-show]:not([open])', fresh ?? document)?.showModal(); /* a dialog that came when it was asked for */
    const asked = used?.dialog;
    if (good && e.detail.elt.matches('form') && asked?.isConnected && asked.open && asked.contains(e.detail.elt)) asked.close(); /* not after a check of one field */
    if (!good && spot.dialog && fresh?.matches('dialog') && !fresh.open) fresh.showModal(); /* errors: the dialog was replaced by itself */
    const wanted = fresh && (fresh.matches('[autofocus]') ? fresh : $('[autofocus]', fresh));
    if (wanted && (status === 422 || status === 409 || used)) { wanted.focus(); return; }
    if (document.activeElement && document.activeElement !== document.body) return;
    const around = [fresh, spot.next, spot.previous, spot.parent].filter((x) => x?.isConnected);
    let to = null;
    for (const place of around) { to = (place === fresh && twin(place, used)) || (place.matches(FOCUSABLE) ? place : $$(FOCUSABLE, place).find(visible)); if (to) break; }
    if (!to && around[0]) { to = around[0]; to.tabIndex = -1; }
    to?.focus({ preventScroll: true });
  });
  /* the row that adds metadata is empty again after it added */
  on('htmx:afterRequest', (e) => {
    const form = e.detail.elt; if (!(e.detail.xhr?.status < 400) || !form?.matches?.('form[data-reset]')) return;
    form.reset(); const first = [...form.elements].find((x) => x.matches('input:not([type=hidden]), textarea')); first?.focus();
  });
  /* suggestions arrived: show them while the box has the focus */
  on('htmx:afterRequest', (e) => {
    const list = e.detail.target; if (!list?.matches?.('[role=listbox]')) return;
    const box = $(`[role=combobox][aria-controls="${list.id}"]`); if (box) openList(box, document.activeElement === box && options(list).length > 0);
  });
  on('htmx:responseError', (e) => {
    const xhr = e.detail.xhr; if (xhr.getResponseHeader('HX-Redirect') || xhr.getResponseHeader('HX-Trigger')) return;
    say(xhr.status === 403 ? 'Not saved. Your role does not allow it.' : xhr.status === 404 ? 'It is no longer there. Reload the page.' : 'Not saved. The server refused the request.', 'bad');
  });
  on('htmx:sendError', () => say('No connection to the server.', 'bad'));
  on('htmx:timeout', () => say('The server did not answer in time.', 'bad'));
})();
