/** Words of the Curves, Layers and System views and of the step scrubber, in both languages. */

export const en = {
  curves: {},
  layers: {},
  system: {},
  scrubber: {},
};

export const zh: typeof en = {
  curves: {},
  layers: {},
  system: {},
  scrubber: {},
};
