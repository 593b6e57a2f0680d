/* The colour theme: auto, light, dark. The server writes data-theme from the cookie; this only turns it over. */
(() => {
  const root = document.documentElement, order = ['auto', 'light', 'dark'];
  const stored = () => document.cookie.match(/(?:^|; )theme=(auto|light|dark)/)?.[1];
  for (const button of document.querySelectorAll('[data-theme-toggle]')) {
    button.hidden = false;
    button.addEventListener('click', () => {
      const next = order[(order.indexOf(root.dataset.theme) + 1) % 3];
      root.dataset.theme = next;
      document.cookie = `theme=${next};path=/;max-age=31536000;samesite=lax${location.protocol === 'https:' ? ';secure' : ''}`;
      document.dispatchEvent(new CustomEvent('toast', { detail: { text: `Colour theme: ${next}` } }));
    });
  }
  /* a page that comes back from the browser's memory may be older than the choice */
  addEventListener('pageshow', (e) => { const theme = stored(); if (e.persisted && theme) root.dataset.theme = theme; });
})();
