import { Button, CloseButton } from '@mantine/core';
import { ErrorNotice } from '../domain/error-notice.tsx';
import type { Message } from '../stores/messages.ts';
import { closeMessage, useMessages } from '../stores/messages.ts';
import { texts } from '../texts/en.ts';
import { ShapeIcon } from '../ui/shape.tsx';
import { useNow } from '../ui/use-now.ts';

/** What actions without a place of their own have to say. */
export function Messages() {
  const messages = useMessages((state) => state.messages);
  return (
    <section className="app-messages" aria-label={texts.shell.messages} aria-live="polite">
      {messages.map((message) => (
        <MessageLine key={message.id} message={message} />
      ))}
    </section>
  );
}

function MessageLine({ message: { id, kind, text, error, undo, goneAt } }: { readonly message: Message }) {
  const close = <CloseButton size="sm" aria-label={texts.shell.close} onClick={() => closeMessage(id)} />;
  if (error !== undefined) {
    return (
      <div className="app-message">
        <ErrorNotice error={error} actions={close} />
      </div>
    );
  }
  return (
    <div className="app-message app-message-plain" role="status">
      <ShapeIcon shape={kind === 'undo' ? 'half' : 'check'} tone={kind === 'undo' ? 'accent' : 'good'} />
      <span className="tp-cut">{text}</span>
      {goneAt !== undefined && <SecondsLeft until={goneAt} />}
      {undo === undefined ? close : <Button onClick={undo}>{texts.shell.undo}</Button>}
    </div>
  );
}

function SecondsLeft({ until }: { readonly until: number }) {
  const now = useNow(250);
  return (
    <span className="tp-dim tp-number" aria-hidden>
      {Math.max(0, Math.ceil((until - now) / 1_000))} s
    </span>
  );
}
