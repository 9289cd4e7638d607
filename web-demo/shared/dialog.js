// Questions in a <dialog>: the browser keeps the focus inside, Escape means no, and the focus goes back to
// where it was.

import { h } from './h.js';

/** @typedef {import('./h.js').Child} Child */
/** @typedef {{ value: string, label: string, kind?: 'primary' | 'danger', testid?: string }} Answer */

let numbers = 0;

/**
 * @param {{ title: string, body?: Child, answers: Answer[], testid: string, until?: (close: (value: string) => void) => void | (() => void) }} question
 *   `until` may close it from outside; what it returns runs at the end
 * @returns {Promise<string>} the chosen value, or 'dismissed'
 */
export function ask({ title, body, answers, testid, until }) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const id = `dialog-${++numbers}`;
    const dialog = h(
      'dialog',
      { 'aria-labelledby': id, 'data-testid': testid },
      h('h2', { id }, title),
      h('div.stack', {}, body ?? null),
      h(
        'div.actions',
        {},
        answers.map(({ value, label, kind, testid: hook }) =>
          h(
            'button.button',
            { type: 'button', class: classes(kind), 'data-testid': hook ?? `answer-${value}`, onclick: () => dialog.close(value) },
            label,
          ),
        ),
      ),
    );
    dialog.addEventListener('cancel', () => (dialog.returnValue = 'dismissed'));
    document.body.append(dialog);
    const over = until?.((value) => dialog.open && dialog.close(value));
    dialog.addEventListener('close', () => {
      over?.();
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(dialog.returnValue || 'dismissed');
    });
    dialog.showModal();
  });
}

/** @param {Answer['kind']} kind */
const classes = (kind) => (kind === 'danger' ? 'button danger primary' : kind === 'primary' ? 'button primary' : 'button');

/**
 * A form in a dialog. Stays open, with the sentence of what was wrong, until `send` succeeds.
 *
 * @param {{ title: string, fields: Child, submit: string, testid: string, send: (data: FormData) => Promise<void>, say: (error: unknown) => string }} question
 * @returns {Promise<boolean>} whether it was sent
 */
export function askForm({ title, fields, submit, testid, send, say }) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const id = `dialog-${++numbers}`;
    const problem = h('p.message.critical', { role: 'alert', hidden: true, 'data-testid': 'form-problem' });
    const go = h('button.button.primary', { type: 'submit', 'data-testid': 'form-submit' }, submit);
    const form = h(
      'form.form',
      {
        onsubmit: async (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          go.disabled = true;
          problem.hidden = true;
          try {
            await send(new FormData(form));
            dialog.close('sent');
          } catch (error) {
            problem.textContent = say(error);
            problem.hidden = false;
          } finally {
            go.disabled = false;
          }
        },
      },
      fields,
      problem,
      h(
        'div.actions',
        {},
        h('button.button', { type: 'button', 'data-testid': 'form-cancel', onclick: () => dialog.close('') }, 'Cancel'),
        go,
      ),
    );
    const dialog = h('dialog', { 'aria-labelledby': id, 'data-testid': testid }, h('h2', { id }, title), form);
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(dialog.returnValue === 'sent');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Everything that is open goes: its question concerns a session that is no more. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll('dialog[open]')) /** @type {HTMLDialogElement} */ (dialog).close('dismissed');
}
