import { AppError } from '#protocol/errors/app-error.ts';
import { followFile } from './follow-file.ts';
import { type ConfigInputs, type LoadedConfig, loadConfig } from './load-config.ts';

/**
 * Loads the configuration anew whenever its file is written, replaced, created or removed. A file with an error is reported and
 * changes nothing.
 *
 * @returns ends the watching
 */
export function watchConfig(
  inputs: ConfigInputs,
  { onChange, onError }: { readonly onChange: (loaded: LoadedConfig) => void; readonly onError: (error: AppError) => void },
): Disposable {
  return followFile(inputs.configFile, () => {
    let loaded: LoadedConfig;
    try {
      loaded = loadConfig(inputs);
    } catch (error) {
      onError(AppError.from(error));
      return;
    }
    onChange(loaded);
  });
}
