/** Pages that nobody sees get no frames; they still have to keep up, without hurry. */
const hiddenMs = 250;

export interface FrameRequest {
  /** Runs the work once, with the next frame. */
  request(): void;
  cancel(): void;
}

/**
 * Work that is done at most once a frame, however often it is asked for.
 *
 * @param restMs Least time between two runs: what is asked for after a rest is done with the next frame, and a flood in lots. Default 0.
 */
export function onNextFrame(work: () => void, restMs = 0): FrameRequest {
  let frame: number | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let lastRun = Number.NEGATIVE_INFINITY;
  const cancel = () => {
    if (frame !== undefined) cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = undefined;
    timer = undefined;
  };
  const run = () => {
    cancel();
    work();
    lastRun = performance.now();
  };
  const soon = () => {
    timer = setTimeout(run, hiddenMs);
    frame = requestAnimationFrame(run);
  };
  return {
    request() {
      if (frame !== undefined || timer !== undefined) return;
      const rest = lastRun + restMs - performance.now();
      if (rest > 0) timer = setTimeout(soon, rest);
      else soon();
    },
    cancel,
  };
}
