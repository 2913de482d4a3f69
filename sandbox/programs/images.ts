import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import { AppError } from '#protocol/errors/app-error.ts';

const imageDefinition = z.strictObject({
  /** As in an image's configuration: what a container runs unless its `command` and `args` say otherwise. */
  entrypoint: z.array(z.string()).default([]),
  arguments: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
  workingDirectory: z.string().startsWith('/').default('/'),
  /** User and group by number. */
  user: z.strictObject({ uid: z.int().min(0), gid: z.int().min(0) }).default({ uid: 0, gid: 0 }),
  /** What is in the image beside the system's programs: path in the image to file or folder of this machine. */
  files: z.record(z.string().startsWith('/'), z.string().min(1)).default({}),
});

/** A program that stands for an image. */
export type ImageDefinition = z.infer<typeof imageDefinition>;

/** As it is written, with defaults left out. */
export type ImageOptions = z.input<typeof imageDefinition>;

/** Images by name as pods give it, with tag: the sandbox's registry. */
export interface ImageRegistry {
  register(images: Readonly<Record<string, ImageOptions>>): void;
  find(name: string): ImageDefinition | undefined;
}

export function createImageRegistry(): ImageRegistry {
  const images = new Map<string, ImageDefinition>();
  return {
    register: (added) => {
      for (const [name, options] of Object.entries(added)) images.set(fullName(name), checkImage(name, options));
    },
    find: (name) => images.get(fullName(name)),
  };
}

/**
 * Reads a file of images: a JSON object from name to `ImageOptions`. Relative paths of `files` start at the file's own folder.
 *
 * @throws AppError `config.invalid`
 */
export function readImageFile(path: string): Readonly<Record<string, ImageOptions>> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new AppError(
      { code: 'config.invalid', message: `The image file ${path} cannot be read`, reason: AppError.from(error).message },
      error,
    );
  }
  const parsed = z.record(z.string(), imageDefinition).safeParse(content);
  if (!parsed.success) {
    throw new AppError({
      code: 'config.invalid',
      message: `The image file ${path} is not valid`,
      reason: z.prettifyError(parsed.error),
    });
  }
  const atFile = (file: string) => resolve(dirname(path), file);
  return Object.fromEntries(
    Object.entries(parsed.data).map(([name, image]) => [
      name,
      { ...image, files: Object.fromEntries(Object.entries(image.files).map(([target, source]) => [target, atFile(source)])) },
    ]),
  );
}

/** The full name that references in short form stand for: `nginx` is `docker.io/library/nginx:latest`. */
export function fullName(reference: string): string {
  const [name = '', digest] = reference.split('@');
  const parts = name.split('/');
  const hasRegistry = parts.length > 1 && /[.:]|^localhost$/.test(parts[0] ?? '');
  const path = hasRegistry ? name : parts.length === 1 ? `docker.io/library/${name}` : `docker.io/${name}`;
  const isTagged = /:[^/]*$/.test(path.slice(path.lastIndexOf('/')));
  return digest !== undefined ? `${path}@${digest}` : isTagged ? path : `${path}:latest`;
}

function checkImage(name: string, options: ImageOptions): ImageDefinition {
  const parsed = imageDefinition.safeParse(options);
  if (!parsed.success) {
    throw new AppError({
      code: 'config.invalid',
      message: `The image ${name} is not valid`,
      reason: z.prettifyError(parsed.error),
    });
  }
  const missing = Object.values(parsed.data.files).find((file) => !existsSync(file));
  if (missing === undefined) return parsed.data;
  throw new AppError({
    code: 'config.invalid',
    message: `The image ${name} needs ${missing}, which does not exist`,
    remedies: [{ label: 'Build the programs', command: 'npm run build' }],
  });
}
