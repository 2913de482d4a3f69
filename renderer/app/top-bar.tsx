import { Kbd } from '@mantine/core';
import { spotlight } from '@mantine/spotlight';
import { IconSearch } from '@tabler/icons-react';
import { texts } from '../texts/en.ts';

const modifier = /mac/i.test(navigator.platform) ? '⌘' : 'Ctrl';

/** One search for everything; the rest of the bar moves the window where the system lets it. */
export function TopBar() {
  return (
    <header className="app-top">
      <span className="app-brand">{texts.shell.product}</span>
      <button type="button" className="app-search" aria-keyshortcuts="Control+K Meta+K" onClick={() => spotlight.open()}>
        <IconSearch size={15} aria-hidden />
        <span>{texts.shell.search}</span>
        <span className="app-search-keys" aria-hidden>
          <Kbd size="xs">{modifier}</Kbd> <Kbd size="xs">K</Kbd>
        </span>
      </button>
    </header>
  );
}
