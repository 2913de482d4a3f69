/** What begins a sequence, and what may end a string in one. */
const [escape, bell] = ['\\x1b', '\\x07'];

/** ESC without what has to follow: of a control sequence, of a string such as a title, or of a short sequence. */
const unfinished = new RegExp(`${escape}(?:\\[[0-?]*[ -/]*|[\\]PX^_][^${bell}${escape}]*${escape}?|[ -/]*)$`);

/**
 * Questions of a program to its terminal (device attributes, state and position, modes, settings). The daemon's own terminal answers
 * them; a client that saw them would answer again, as would the next client.
 */
const questions = new RegExp(`${escape}\\[[?>=]?[0-9;]*(?:c|n|\\$p)|${escape}P\\$q[^${escape}${bell}]*${escape}\\\\`, 'g');

/** A sequence that is still not whole after this many characters is passed on as it is: pictures are sent in such. */
const maxHeldCharacters = 64 * 1024;

/** Cuts what a program prints where nothing is split: a client that joins between two pieces sees whole sequences only. */
export function splitAtSafePoint(text: string): { readonly ready: string; readonly held: string } {
  const start = unfinished.exec(text)?.index;
  if (start === undefined || text.length - start > maxHeldCharacters) return { ready: text, held: '' };
  return { ready: text.slice(0, start), held: text.slice(start) };
}

export function withoutQuestions(piece: string): string {
  return piece.includes('\x1b') ? piece.replace(questions, '') : piece;
}
