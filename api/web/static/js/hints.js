
/* Suggestions: a combobox with a list, by the ARIA pattern. */

const hints = {
  at: -1, timer: 0, request: null,
  get items() { return [...$('hints').children]; },
  close() {
    clearTimeout(this.timer);
    this.request?.abort();
    $('hints').hidden = true;
    $('hints').replaceChildren();
    this.mark(-1);
    $('q').setAttribute('aria-expanded', 'false');
  },
  mark(n) {
    this.at = n;
    this.items.forEach((li, i) => li.setAttribute('aria-selected', i === n));
    const li = this.items[n];
    if (li) {
      $('q').setAttribute('aria-activedescendant', li.id);
      li.scrollIntoView({ block: 'nearest' });
    } else $('q').removeAttribute('aria-activedescendant');
  },
  move(step) {
    const n = this.items.length;
    if (n) this.mark((this.at + step + n + (this.at < 0 && step < 0 ? 1 : 0)) % n);
  },
  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), 180);
  },
  async load() {
    const text = $('q').value.trim();
    if (!text) return this.close();
    this.request?.abort();
    const mine = this.request = new AbortController();
    const query = new URLSearchParams({ q: text, limit: '6' });
    if ($('region')?.value) query.set('region', $('region').value);
    try {
      const res = await fetch('/api/v1/suggest?' + query, { signal: mine.signal, headers: { Accept: 'application/json' } });
      if (!res.ok) return this.close();
      const found = await res.json();
      if (this.request === mine && document.activeElement === $('q')) this.show(Array.isArray(found) ? found : found.suggestions || found.items || []);
    } catch { /* a suggestion that does not come is no loss */ }
  },
  show(list) {
    if (!list.length) return this.close();
    $('hints').replaceChildren(...list.map((s, i) => h('li', {
      role: 'option', id: 'hint' + i, 'aria-selected': 'false',
      pointerdown: (e) => e.preventDefault(), click: () => ask(s.text),
    }, s.text)));
    $('hints').hidden = false;
    $('q').setAttribute('aria-expanded', 'true');
    this.mark(-1);
  },
  key(e) {
    if (e.isComposing || $('hints').hidden) return;
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault();
      this.move(e.key === 'ArrowDown' ? 1 : -1);
    } else if (e.key === 'Escape') {
      e.preventDefault();
      this.close();
    } else if (e.key === 'Enter' && this.at >= 0) {
      e.preventDefault();
      ask(this.items[this.at].textContent);
    }
  },
};
