/** Kinds of operation, by which nodes are coloured, from the names that frameworks give them. */

export const FAMILIES = ['linear', 'recurrent', 'attention', 'normalise', 'activate', 'pool', 'arithmetic', 'reduce', 'shape', 'select', 'embed', 'control', 'quantise', 'other'] as const;
export type Family = (typeof FAMILIES)[number];

// The first pattern that the name matches, of names without prefix and underscores, in lower case: "aten::max_pool2d" is "maxpool2d".
const PATTERNS: readonly (readonly [Family, RegExp])[] = [
  ['quantise', /quanti|fakequant|qdq/],
  ['attention', /attention|sdpa|flash/],
  ['recurrent', /lstm|gru|rnn|recurrent/],
  ['normalise', /norm|^lrn/],
  ['pool', /pool/],
  ['embed', /embed|onehot|^lookup/],
  ['activate', /relu|gelu|silu|swish|sigmoid|tanh|softmax|softplus|softsign|elu$|mish|glu$|hardswish|activation|^erf$|logsoftmax|dropout|thresholdedrelu/],
  ['linear', /conv(?!ert)|gemm|matmul|linear|dense|fullyconnected|innerproduct|einsum|^mm$|^bmm$|addmm|baddbmm|^dot|^fc$/],
  ['control', /^if$|^loop$|^scan$|while|cond$|switch$|^merge$|callfunction|^call|partitionedcall|^enter$|^exit$|nextiteration/],
  ['reduce', /^reduce|^mean|^sum|^(arg)?max$|^(arg)?min$|^a(max|min)$|^prod$|cumsum|cumprod|topk|^norm|nonmaxsuppression|logsumexp|^var|^std$/],
  ['select', /gather|scatter|slice|split|chunk|select|^where|index|pad|strided|^take|narrow|mask|crop|unbind|getitem/],
  ['shape', /reshape|transpose|flatten|squeeze|concat|^cat$|stack|permute|view|expand|^tile|repeat|shape|size$|^pack$|unpack|contiguous|depthtospace|spacetodepth|pixelshuffle|resize|upsample|interpolate|roll|broadcast|^range|arange|constant|identity|cast|^to$|clone|detach|copy|convert|^t$|input|output|placeholder/],
  ['arithmetic', /add|sub|mul|div|pow|sqrt|exp|^log|neg|abs|equal|greater|less|^and|^or|^not|^xor|clip|clamp|floor|ceil|round|sin$|cos$|^tan|sign|reciprocal|square|maximum|minimum|rsub|bias|scale|mod$|eltwise|isnan|isinf|sum/],
];

const known = new Map<string, Family>();

export function familyOf(op: string): Family {
  let family = known.get(op);
  if (family) return family;
  // "aten::add.Tensor" is an add of tensors, "torch.nn.Linear" a Linear.
  const own = op.includes('::') ? op.slice(op.lastIndexOf(':') + 1).replace(/\..*$/, '') : op.replace(/^.*\./, '');
  const bare = own.replace(/[_-]/g, '').toLowerCase();
  family = PATTERNS.find(([, pattern]) => pattern.test(bare))?.[0] ?? 'other';
  known.set(op, family);
  return family;
}
