import { MantineProvider } from '@mantine/core';
import { theme } from '../theme/theme.ts';
import { useTheme } from '../theme/use-theme.ts';
import { Shell } from './shell.tsx';

export function App() {
  const scheme = useTheme();
  return (
    <MantineProvider theme={theme} forceColorScheme={scheme}>
      <Shell />
    </MantineProvider>
  );
}
