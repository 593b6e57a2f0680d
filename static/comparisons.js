/* Compare: the switch of what differs is part of the address, so that a copied link shows the same. */
(() => {
  const $$ = (s) => [...document.querySelectorAll(s)], only = document.getElementById('only-diff');
  const mark = (href) => { const url = new URL(href, location.href); if (only.checked) url.searchParams.set('diff', '1'); else url.searchParams.delete('diff'); return url.pathname + url.search.replaceAll('%2F', '/'); };
  const follow = () => { history.replaceState(history.state, '', mark(location.href)); $$('a[data-diff]').forEach((a) => { a.href = mark(a.href); }); };
  only?.addEventListener('change', follow);
  /* registry.js copies what the button holds at that moment */
  $$('[data-copy-address]').forEach((b) => { b.dataset.copy = ''; b.addEventListener('click', () => { b.dataset.copy = location.href; }); });
})();
