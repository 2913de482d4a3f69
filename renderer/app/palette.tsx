import { Spotlight } from '@mantine/spotlight';
import { IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { texts } from '../texts/en.ts';
import { usePaletteGroups } from './palette-groups.ts';

/** Every page, every action and every workload by name. */
export function Palette() {
  const [query, setQuery] = useState('');
  const [isOpen, setOpen] = useState(false);
  const groups = usePaletteGroups(isOpen ? query : '');
  return (
    <Spotlight
      onSpotlightOpen={() => setOpen(true)}
      onSpotlightClose={() => setOpen(false)}
      actions={groups}
      query={query}
      onQueryChange={setQuery}
      // The groups are those that fit already: two thousand workloads are not looked at twice.
      filter={(_query, actions) => actions}
      shortcut="mod + K"
      // It works where one is typing, too.
      tagsToIgnore={[]}
      nothingFound={texts.shell.searchNothing}
      scrollable
      maxHeight={420}
      attributes={{ content: { 'aria-label': texts.shell.search } }}
      searchProps={{
        placeholder: texts.shell.search,
        'aria-label': texts.shell.search,
        leftSection: <IconSearch size={16} aria-hidden />,
      }}
    />
  );
}
