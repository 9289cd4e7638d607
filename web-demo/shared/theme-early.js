// The chosen colour scheme, set before the first paint: a classic script in the head, because a module
// would run after it and the page would flash in the other scheme.
(() => {
  try {
    const theme = localStorage.getItem('sessionwire:theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // A browser that forbids storage follows the system's scheme.
  }
})();
