import type { Connection, Engagement } from '#protocol/local-api/model.ts';
import { exampleConnection, exampleEngagement } from '#protocol/local-api/testing/example-state.ts';

export function connectionIn(state: Connection['state']): Record<string, Connection> {
  return { staging: exampleConnection({ state }) };
}

export const connected: Readonly<Record<string, Connection>> = { staging: exampleConnection() };

export const engaged: Readonly<Record<string, Engagement>> = { 'staging/cart': exampleEngagement() };
