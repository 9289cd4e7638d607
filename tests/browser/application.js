/** The application, as a person handles it. It may not know what a test is about. */

/** @param {import('playwright-core').Page} page */
export async function open(page, url) {
  await page.goto(url);
  await at(page, 'sign-in-page');
}

/** Sends the sign-in; what comes of it is for the test. */
export async function submit(page, { username, password }) {
  await page.getByTestId('username').fill(username);
  await page.getByTestId('password').fill(password);
  await page.getByTestId('sign-in').click();
}

export async function signIn(page, person) {
  await submit(page, person);
  await live(page);
}

/** In, and with an open socket. */
export async function live(page) {
  await at(page, 'app');
  // On a phone a connection that works is not worth the place.
  await page.locator('[data-testid="connection"][data-state="live"]').waitFor({ state: 'attached' });
}

/** Waits until the page shows this. */
export async function at(page, testid) {
  await page.getByTestId(testid).waitFor();
}
