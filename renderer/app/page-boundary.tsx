import { Button } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { texts } from '../texts/en.ts';
import { Notice } from '../ui/notice.tsx';
import { forgetFailedParts } from './lazy-part.ts';

interface State {
  readonly error: Error | undefined;
}

/** A page that fails takes nothing else with it. React knows such a boundary as a class only. */
export class PageBoundary extends Component<{ readonly title: string; readonly children: ReactNode }, State> {
  override readonly state: State = { error: undefined };

  static getDerivedStateFromError(error: unknown): State {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  /** Code that did not come may come the next time that the page is shown. */
  override componentDidCatch(): void {
    forgetFailedParts();
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <div className="ui-page-body">
        <h1 className="tp-hidden">{this.props.title}</h1>
        <Notice
          severity="error"
          title={texts.shell.failedPage}
          reason={error.message}
          copyLabel={texts.shell.copyCommand}
          actions={
            <Button variant="default" onClick={() => this.setState({ error: undefined })}>
              {texts.shell.reload}
            </Button>
          }
        />
      </div>
    );
  }
}
