import { showDone } from '../stores/messages.ts';
import { texts } from '../texts/en.ts';
import { inBackground } from './connection-actions.ts';

/** For menus and the palette, which are gone before they could say that it was copied. */
export function copyText(text: string): void {
  inBackground(navigator.clipboard.writeText(text).then(() => showDone(texts.shell.copied(text))));
}
