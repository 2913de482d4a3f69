import { createTheme, type MantineColorsTuple } from '@mantine/core';

/** The one accent: the ring of the app's icon, darkened for text on white and lightened for text on black. */
const harbor: MantineColorsTuple = [
  '#e8f6fa',
  '#d3ecf3',
  '#a6d8e6',
  '#8fd3e6',
  '#7fd1e6',
  '#3aa5c2',
  '#17809e',
  '#0b6a86',
  '#08566d',
  '#053f51',
];

const mono = 'ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace';
const sans = 'system-ui, -apple-system, "Segoe UI", "Inter", "Cantarell", "Noto Sans", "Helvetica Neue", Arial, sans-serif';

/** Dense: a row is 30 pixels high, text has 13. Colours of surfaces and states are in `theme.css`. */
export const theme = createTheme({
  colors: { harbor },
  primaryColor: 'harbor',
  primaryShade: { light: 7, dark: 4 },
  autoContrast: true,
  fontFamily: sans,
  fontFamilyMonospace: mono,
  defaultRadius: 6,
  fontSizes: { xs: '0.8125rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.125rem' },
  respectReducedMotion: true,
  cursorType: 'pointer',
  components: {
    // The variant is named for `theme.css`.
    Button: { defaultProps: { size: 'xs', variant: 'filled' } },
    ActionIcon: { defaultProps: { size: 28, variant: 'subtle', color: 'gray' } },
    TextInput: { defaultProps: { size: 'xs' } },
    NumberInput: { defaultProps: { size: 'xs' } },
    Textarea: { defaultProps: { size: 'xs' } },
    Select: { defaultProps: { size: 'xs' } },
    Autocomplete: { defaultProps: { size: 'xs' } },
    TagsInput: { defaultProps: { size: 'xs' } },
    Checkbox: { defaultProps: { size: 'xs' } },
    Radio: { defaultProps: { size: 'xs' } },
    Switch: { defaultProps: { size: 'xs' } },
    SegmentedControl: { defaultProps: { size: 'xs' } },
    Tooltip: { defaultProps: { openDelay: 400, withArrow: true } },
    Menu: { defaultProps: { shadow: 'md', position: 'bottom-end', withInitialFocusPlaceholder: false } },
    // Its header would be a landmark of the whole page.
    Modal: { defaultProps: { centered: true, radius: 8, attributes: { header: { role: 'none' } } } },
  },
});
