/** Pages that nobody sees get no frames; they still have to keep up, without hurry. */
const hiddenMs = 250;

export interface FrameRequest {
  /** Runs the work once, with the next frame. */
  request(): void;
  cancel(): void;
}

/** Work that is done at most once a frame, however often it is asked for. */
export function onNextFrame(work: () => void): FrameRequest {
  let frame: number | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const cancel = () => {
    if (frame !== undefined) cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = undefined;
    timer = undefined;
  };
  const run = () => {
    cancel();
    work();
  };
  return {
    request() {
      if (frame !== undefined || timer !== undefined) return;
      timer = setTimeout(run, hiddenMs);
      frame = requestAnimationFrame(run);
    },
    cancel,
  };
}
