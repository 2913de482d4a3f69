import { type ComponentType, createElement, lazy } from 'react';

const loaders: (() => Promise<unknown>)[] = [];
/** Of each part that did not come: lets it be asked for anew. */
const failed = new Set<() => void>();
/** A network that is just being changed is there again in less. */
const retryMs = [200, 600, 1_500] as const;

/**
 * A part of the window that comes when it is first shown, or when the window has nothing to do. Browsers break off what they load when the
 * laptop's network changes, which is what connecting does: then it is asked for again.
 */
export function lazyPart<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let part: Promise<{ readonly default: ComponentType<Props> }> | undefined;
  // React keeps the outcome of each, so that another try takes another.
  const makeLazy = () => lazy<ComponentType<Props>>(loadOnce);
  const loadOnce = () =>
    (part ??= loadPatiently(load).then(
      (component) => ({ default: component }),
      (error: unknown) => {
        failed.add(() => {
          part = undefined;
          Part = makeLazy();
        });
        throw error;
      },
    ));
  let Part = makeLazy();
  loaders.push(loadOnce);
  return function LazyPart(props: Props) {
    return createElement(Part as ComponentType<Props>, props);
  };
}

/** Has what did not come asked for anew when it is next shown: for whoever has shown that it did not. */
export function forgetFailedParts(): void {
  for (const forget of failed) forget();
  failed.clear();
}

/** Has all parts there before somebody wants to see them. */
export function loadPartsWhenIdle(): void {
  const next = () => {
    const load = loaders.shift();
    // Nobody has seen that it failed: whoever opens the part has it asked for anew.
    load?.().then(whenIdle, () => {
      forgetFailedParts();
      whenIdle();
    });
  };
  const whenIdle = () => void setTimeout(next, 50);
  setTimeout(next, 1_000);
}

async function loadPatiently<T>(load: () => Promise<T>): Promise<T> {
  for (const ms of retryMs) {
    try {
      return await load();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  }
  return await load();
}
