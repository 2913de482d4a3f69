import type { TextSink } from '../invocation.ts';

export const progressModes = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
export type ProgressMode = (typeof progressModes)[number];

/** Shows the step under way. It never mixes with a command's outcome: everything goes to stderr. */
export interface Progress {
  stage(text: string): void;
  /** Takes the display away, before other output and at the end. */
  clear(): void;
}

/** `auto` is `tty` on a terminal and `quiet` elsewhere. */
export function createProgress(mode: ProgressMode, stderr: TextSink): Progress {
  switch (mode === 'auto' ? (stderr.isTTY === true ? 'tty' : 'quiet') : mode) {
    case 'tty':
      return createTtyProgress(stderr);
    case 'plain':
      return createLineProgress((text) => stderr.write(`${text}\n`));
    case 'json':
      return createLineProgress((text) => stderr.write(`${JSON.stringify({ time: new Date().toISOString(), stage: text })}\n`));
    default:
      return { stage: () => undefined, clear: () => undefined };
  }
}

function createLineProgress(write: (text: string) => void): Progress {
  let latest = '';
  return {
    stage(text) {
      if (text !== latest) write(text);
      latest = text;
    },
    clear: () => undefined,
  };
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 100;
const eraseLine = '\r\u001b[K';

function createTtyProgress(stderr: TextSink): Progress {
  const startedAt = Date.now();
  let text = '';
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;
  const draw = () => {
    const seconds = ((Date.now() - startedAt) / 1_000).toFixed(1);
    const line = `${frames[frame % frames.length] ?? ''} ${text} ${seconds} s`;
    stderr.write(`${eraseLine}${line.slice(0, (stderr.columns ?? 80) - 1)}`);
    frame += 1;
  };
  return {
    stage(next) {
      text = next;
      timer ??= setInterval(draw, frameMs).unref();
      draw();
    },
    clear() {
      if (timer === undefined) return;
      clearInterval(timer);
      timer = undefined;
      stderr.write(eraseLine);
    },
  };
}
