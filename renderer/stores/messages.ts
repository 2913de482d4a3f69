import { create } from 'zustand';
import type { ErrorData } from '#protocol/errors/app-error.ts';

/** What an action without a place of its own has to say, newest last. */
export interface Message {
  readonly id: number;
  readonly kind: 'failure' | 'done' | 'undo';
  readonly text: string;
  readonly error?: ErrorData;
  /** Offered as a button while the message is there. */
  readonly undo?: () => void;
  /** Absent: until it is closed. */
  readonly goneAt?: number;
}

const shownMs = 5_000;
let lastId = 0;

export const useMessages = create<{ readonly messages: readonly Message[] }>()(() => ({ messages: [] }));

export function showFailure(error: ErrorData): void {
  add({ kind: 'failure', text: error.message, error });
}

export function showDone(text: string): void {
  const id = add({ kind: 'done', text });
  setTimeout(() => closeMessage(id), shownMs);
}

/** Runs `act` after five seconds, unless the person takes it back. */
export function actUnlessUndone(text: string, act: () => void, onUndone: () => void): void {
  const timer = setTimeout(() => {
    closeMessage(id);
    act();
  }, shownMs);
  const undo = () => {
    clearTimeout(timer);
    closeMessage(id);
    onUndone();
  };
  const id = add({ kind: 'undo', text, undo, goneAt: Date.now() + shownMs });
}

export function closeMessage(id: number): void {
  useMessages.setState(({ messages }) => ({ messages: messages.filter((message) => message.id !== id) }));
}

function add(message: Omit<Message, 'id'>): number {
  lastId += 1;
  const id = lastId;
  useMessages.setState(({ messages }) => ({ messages: [...messages.slice(-4), { id, ...message }] }));
  return id;
}
