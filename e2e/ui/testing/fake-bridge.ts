import type { Page } from 'playwright-core';
import type { AppEvent } from '#protocol/app-bridge/app-bridge.ts';
import { windowMessages } from '#protocol/app-bridge/ports.ts';

/** The app's main process, as far as it tells the page something. It answers no call. */
export interface FakeBridge {
  push(event: AppEvent): Promise<void>;
}

/** Hands the page the port of a main process, as its preload script does. */
export async function openBridge(page: Page): Promise<FakeBridge> {
  await page.evaluate(`{
    const { port1, port2 } = new MessageChannel();
    window.fakeMain = port1;
    window.postMessage({ type: ${JSON.stringify(windowMessages.bridgePort)} }, location.origin, [port2]);
  }`);
  return {
    push: async (event) => await page.evaluate(`window.fakeMain.postMessage(${JSON.stringify({ push: event })})`),
  };
}
