/* What comes before the page is seen: the theme's button and the settings of HTMX. All other scripts come after. */
(() => {
  const root = document.documentElement, order = ['auto', 'light', 'dark'];

  /* ---------- the colour theme: the server writes data-theme from the cookie; this only turns it over ---------- */
  const stored = () => document.cookie.match(/(?:^|; )theme=(auto|light|dark)/)?.[1];
  for (const button of document.querySelectorAll('[data-theme-toggle]')) {
    button.addEventListener('click', () => {
      const next = order[(order.indexOf(root.dataset.theme) + 1) % 3];
      root.dataset.theme = next;
      document.cookie = `theme=${next};path=/;max-age=31536000;samesite=lax${location.protocol === 'https:' ? ';secure' : ''}`;
      document.dispatchEvent(new CustomEvent('toast', { detail: { text: `Colour theme: ${next}` } }));
    });
  }
  /* a page that comes back from the browser's memory may be older than the choice */
  addEventListener('pageshow', (e) => { const theme = stored(); if (e.persisted && theme) root.dataset.theme = theme; });

  /* ---------- HTMX's settings: made here, for a <meta> in the page would be a text that every page carries ---------- */
  const settings = document.createElement('meta');
  settings.name = 'htmx-config';
  settings.content = JSON.stringify({
    allowEval: false, allowScriptTags: false, includeIndicatorStyles: false, selfRequestsOnly: true,
    historyCacheSize: 0, refreshOnHistoryMiss: true, defaultSettleDelay: 0,
    responseHandling: [
      { code: '204', swap: false }, { code: '[23]..', swap: true }, { code: '409|422', swap: true },
      { code: '[45]..', swap: false, error: true },
    ],
  });
  document.head.append(settings);

  /* ---------- the other scripts, in their order: the first picture of the page does not wait for them ---------- */
  let begun = false;
  const begin = () => {
    if (begun) return;
    begun = true;
    const scripts = [...document.querySelectorAll('meta[name="script"]')].map(({ content }) => Object.assign(document.createElement('script'), { src: content, async: false }));
    /* tells that links open their dialogs and forms send what they hold without a new page */
    scripts.at(-1)?.addEventListener('load', () => { root.dataset.ready = ''; });
    document.head.append(...scripts);
  };
  /* not before "load": HTMX would wait for a document that is read already; and a tab in the background draws nothing */
  addEventListener('load', () => { requestAnimationFrame(() => setTimeout(begin)); setTimeout(begin, 250); });
})();
