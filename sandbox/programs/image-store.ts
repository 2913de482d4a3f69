import type { Machine } from '../node/machine.ts';
import { devicesScript, imageTreeScript } from './image-tree.ts';
import type { ImageDefinition, ImageRegistry } from './images.ts';

/** Images as the node has them: laid out, ready to start. */
export interface ImageStore {
  readonly devicesTree: string;
  /** Whether the image is there without a pull. */
  has(name: string): boolean;
  /** Lays the image out where that has not been done. `undefined`: there is no such image. */
  pull(name: string): Promise<NodeImage | undefined>;
}

export interface NodeImage {
  readonly definition: ImageDefinition;
  readonly tree: string;
}

export async function createImageStore(machine: Machine, registry: ImageRegistry): Promise<ImageStore> {
  const devicesTree = `${machine.runDirectory}/dev`;
  await machine.run(devicesScript(devicesTree));
  const laidOut = new Map<ImageDefinition, Promise<NodeImage>>();
  const layOut = async (definition: ImageDefinition): Promise<NodeImage> => {
    const tree = `${machine.runDirectory}/images/${laidOut.size}`;
    await machine.run(imageTreeScript(tree, definition));
    return { definition, tree };
  };
  return {
    devicesTree,
    has: (name) => {
      const definition = registry.find(name);
      return definition !== undefined && laidOut.has(definition);
    },
    pull: async (name) => {
      const definition = registry.find(name);
      if (definition === undefined) return undefined;
      const image = laidOut.get(definition) ?? layOut(definition);
      laidOut.set(definition, image);
      return await image;
    },
  };
}
