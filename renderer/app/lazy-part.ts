import { type ComponentType, type LazyExoticComponent, lazy } from 'react';

const loaders: (() => Promise<unknown>)[] = [];
/** A network that is just being changed is there again in less. */
const retryMs = [200, 600, 1_500] as const;

/**
 * A part of the window that comes when it is first shown, or when the window has nothing to do. Browsers break off what they load when the
 * laptop's network changes, which is what connecting does: then it is asked for again.
 */
export function lazyPart<Props>(load: () => Promise<ComponentType<Props>>): LazyExoticComponent<ComponentType<Props>> {
  let part: Promise<{ readonly default: ComponentType<Props> }> | undefined;
  const loadOnce = () => (part ??= loadPatiently(load).then((component) => ({ default: component })));
  loaders.push(loadOnce);
  return lazy(loadOnce);
}

/** Has all parts there before somebody wants to see them. */
export function loadPartsWhenIdle(): void {
  const next = () => {
    const load = loaders.shift();
    // Who opens the part sees why it failed.
    load?.().then(whenIdle, whenIdle);
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
