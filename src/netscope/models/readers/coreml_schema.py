"""The layers of Core ML's neural networks: fields of the messages in mlmodel/format/NeuralNetwork.proto of coremltools.

A line is the number of a layer in the union, its name, and its fields as `name:number:kind`. Kinds: i integer,
? Boolean, f float, s text, e names of an enumeration, w weights, l the weights of an LSTM, a an activation, n a network
within the layer, m another message, of which only the name is shown; a star before the kind is a list.
"""

from __future__ import annotations

from typing import NamedTuple


class Field(NamedTuple):
    """One field of a message."""

    name: str
    number: int
    kind: str
    is_list: bool = False
    names: tuple[str, ...] = ()
    """Of an enumeration."""


class Layer(NamedTuple):
    """One kind of layer."""

    name: str
    fields: tuple[Field, ...]


def _field(text: str) -> Field:
    name, number, kind = text.split(":", 2)
    is_list, kind = kind.startswith("*"), kind.lstrip("*")
    return Field(name, int(number), kind[0], is_list, tuple(kind[1:].split("|")) if kind[0] == "e" else ())


def _layers(text: str) -> dict[int, Layer]:
    found = {}
    for line in text.replace("\n    ", " ").strip().splitlines():
        number, name, *fields = line.split()
        found[int(number)] = Layer(name, tuple(map(_field, fields)))
    return found


LAYERS = _layers(
    """
100 convolution outputChannels:1:i kernelChannels:2:i nGroups:10:i kernelSize:20:*i stride:30:*i
    dilationFactor:40:*i valid:50:m same:51:m isDeconvolution:60:? hasBias:70:? weights:90:w bias:91:w
    outputShape:100:*i
120 pooling type:1:eMAX|AVERAGE|L2 kernelSize:10:*i stride:20:*i valid:30:m same:31:m includeLastPixel:32:m
    avgPoolExcludePadding:50:? globalPooling:60:?
130 activation linear:5:m ReLU:10:m leakyReLU:15:m thresholdedReLU:20:m PReLU:25:m tanh:30:m scaledTanh:31:m
    sigmoid:40:m sigmoidHard:41:m ELU:50:m softsign:60:m softplus:70:m parametricSoftplus:71:m
140 innerProduct inputChannels:1:i outputChannels:2:i hasBias:10:? weights:20:w bias:21:w int8DynamicQuantize:22:?
150 embedding inputDim:1:i outputChannels:2:i hasBias:10:? weights:20:w bias:21:w
160 batchnorm channels:1:i computeMeanVar:5:? instanceNormalization:6:? epsilon:10:f gamma:15:w beta:16:w mean:17:w
    variance:18:w
165 mvn acrossChannels:1:? normalizeVariance:2:? epsilon:3:f
170 l2normalize epsilon:1:f
175 softmax
180 lrn alpha:1:f beta:2:f localSize:3:i k:4:f
190 crop cropAmounts:1:m offset:5:*i
200 padding constant:1:m reflection:2:m replication:3:m paddingAmounts:10:m
210 upsample scalingFactor:1:*i fractionalScalingFactor:7:*f mode:5:eNN|BILINEAR
    linearUpsampleMode:6:eDEFAULT|ALIGN_CORNERS_TRUE|ALIGN_CORNERS_FALSE
211 resizeBilinear targetSize:1:*i mode:2:m
212 cropResize targetSize:1:*i normalizedCoordinates:2:? mode:3:m boxIndicesMode:4:m spatialScale:5:f
220 unary type:1:eSQRT|RSQRT|INVERSE|POWER|EXP|LOG|ABS|THRESHOLD alpha:2:f epsilon:3:f shift:4:f scale:5:f
230 add alpha:1:f
231 multiply alpha:1:f
240 average
245 scale shapeScale:1:*i scale:2:w hasBias:3:? shapeBias:4:*i bias:5:w
250 bias shape:1:*i bias:2:w
260 max
261 min
270 dot cosineSimilarity:1:?
280 reduce mode:1:eSUM|AVG|PROD|LOGSUM|SUMSQUARE|L1|L2|MAX|MIN|ARGMAX epsilon:2:f axis:3:eCHW|HW|C|H|W
290 loadConstant shape:1:*i data:2:w
300 reshape targetShape:1:*i mode:2:eCHANNEL_FIRST|CHANNEL_LAST
301 flatten mode:1:eCHANNEL_FIRST|CHANNEL_LAST
310 permute axis:1:*i
320 concat sequenceConcat:100:?
330 split nOutputs:1:i
340 sequenceRepeat nRepetitions:1:i
345 reorganizeData mode:1:eSPACE_TO_DEPTH|DEPTH_TO_SPACE|PIXEL_SHUFFLE blockSize:2:i
350 slice startIndex:1:i endIndex:2:i stride:3:i axis:4:eCHANNEL_AXIS|HEIGHT_AXIS|WIDTH_AXIS
400 simpleRecurrent inputVectorSize:1:i outputVectorSize:2:i activation:10:a sequenceOutput:15:? hasBiasVector:20:?
    weightMatrix:30:w recursionMatrix:31:w biasVector:32:w reverseInput:100:?
410 gru inputVectorSize:1:i outputVectorSize:2:i activations:10:*a sequenceOutput:15:? hasBiasVectors:20:?
    updateGateWeightMatrix:30:w resetGateWeightMatrix:31:w outputGateWeightMatrix:32:w
    updateGateRecursionMatrix:50:w resetGateRecursionMatrix:51:w outputGateRecursionMatrix:52:w
    updateGateBiasVector:70:w resetGateBiasVector:71:w outputGateBiasVector:72:w reverseInput:100:?
420 uniDirectionalLSTM inputVectorSize:1:i outputVectorSize:2:i activations:10:*a params:15:m weightParams:20:l
    reverseInput:100:?
430 biDirectionalLSTM inputVectorSize:1:i outputVectorSize:2:i activationsForwardLSTM:10:*a
    activationsBackwardLSTM:11:*a params:15:m weightParams:20:*l
500 custom className:10:s weights:20:*w parameters:30:*m description:40:s
600 copy
605 branch ifBranch:1:n elseBranch:2:n
615 loop maxLoopIterations:1:i conditionVar:2:s conditionNetwork:3:n bodyNetwork:4:n
620 loopBreak
625 loopContinue
635 rangeStatic endValue:1:f startValue:2:f stepSizeValue:3:f
640 rangeDynamic startValue:2:f stepSizeValue:3:f
660 clip minVal:1:f maxVal:2:f
665 ceil
670 floor
680 sign
685 round
700 exp2
710 sin
715 cos
720 tan
730 asin
735 acos
740 atan
750 sinh
755 cosh
760 tanh
770 asinh
775 acosh
780 atanh
790 erf
795 gelu mode:1:eEXACT|TANH_APPROXIMATION|SIGMOID_APPROXIMATION
815 equal alpha:1:f
820 notEqual alpha:1:f
825 lessThan alpha:2:f
827 lessEqual alpha:2:f
830 greaterThan alpha:2:f
832 greaterEqual alpha:2:f
840 logicalOr
845 logicalXor
850 logicalNot
855 logicalAnd
865 modBroadcastable
870 minBroadcastable
875 maxBroadcastable
880 addBroadcastable
885 powBroadcastable
890 divideBroadcastable
895 floorDivBroadcastable
900 multiplyBroadcastable
905 subtractBroadcastable
920 tile reps:1:*i
925 stack axis:1:i
930 gather axis:1:i
935 scatter axis:1:i mode:2:eSCATTER_UPDATE|SCATTER_ADD|SCATTER_SUB|SCATTER_MUL|SCATTER_DIV|SCATTER_MAX|SCATTER_MIN
940 gatherND
945 scatterND mode:1:eSCATTER_UPDATE|SCATTER_ADD|SCATTER_SUB|SCATTER_MUL|SCATTER_DIV|SCATTER_MAX|SCATTER_MIN
950 softmaxND axis:1:i
952 gatherAlongAxis axis:1:i
954 scatterAlongAxis axis:1:i
    mode:2:eSCATTER_UPDATE|SCATTER_ADD|SCATTER_SUB|SCATTER_MUL|SCATTER_DIV|SCATTER_MAX|SCATTER_MIN
960 reverse reverseDim:1:*?
965 reverseSeq batchAxis:1:i sequenceAxis:2:i
975 splitND axis:1:i numSplits:2:i splitSizes:3:*i
980 concatND axis:1:i interleave:2:?
985 transpose axes:1:*i
995 sliceStatic beginIds:1:*i beginMasks:2:*? endIds:3:*i endMasks:4:*? strides:5:*i squeezeMasks:6:*?
1000 sliceDynamic beginMasks:2:*? endIds:3:*i endMasks:4:*? strides:5:*i squeezeMasks:6:*?
1005 slidingWindows axis:1:i windowSize:2:i step:3:i
1015 topK axis:1:i K:2:i useBottomK:3:?
1020 argMin axis:1:i removeDim:2:?
1025 argMax axis:1:i removeDim:2:?
1040 embeddingND vocabSize:1:i embeddingSize:2:i hasBias:3:? weights:20:w bias:21:w
1045 batchedMatmul transposeA:1:? transposeB:2:? weightMatrixFirstDimension:5:i weightMatrixSecondDimension:6:i
    hasBias:7:? weights:8:w bias:9:w int8DynamicQuantize:10:?
1065 getShape
1070 loadConstantND shape:1:*i data:2:w
1080 fillLike value:1:f
1085 fillStatic value:1:f targetShape:2:*i
1090 fillDynamic value:1:f
1100 broadcastToLike
1105 broadcastToStatic targetShape:1:*i
1110 broadcastToDynamic
1120 squeeze axes:1:*i squeezeAll:2:?
1125 expandDims axes:1:*i
1130 flattenTo2D axis:1:i
1135 reshapeLike
1140 reshapeStatic targetShape:1:*i
1145 reshapeDynamic
1150 rankPreservingReshape targetShape:1:*i
1155 constantPad value:1:f padAmounts:2:*i padToGivenOutputSizeMode:3:?
1170 randomNormalLike seed:1:i mean:2:f stdDev:3:f
1175 randomNormalStatic seed:1:i mean:2:f stdDev:3:f outputShape:4:*i
1180 randomNormalDynamic seed:1:i mean:2:f stdDev:3:f
1190 randomUniformLike seed:1:i minVal:2:f maxVal:3:f
1195 randomUniformStatic seed:1:i minVal:2:f maxVal:3:f outputShape:4:*i
1200 randomUniformDynamic seed:1:i minVal:2:f maxVal:3:f
1210 randomBernoulliLike seed:1:i prob:2:f
1215 randomBernoulliStatic seed:1:i prob:2:f outputShape:3:*i
1220 randomBernoulliDynamic seed:1:i prob:2:f
1230 categoricalDistribution seed:1:i numSamples:2:i isLogits:3:? eps:4:f temperature:5:f
1250 reduceL1 axes:1:*i keepDims:2:? reduceAll:3:?
1255 reduceL2 axes:1:*i keepDims:2:? reduceAll:3:?
1260 reduceMax axes:1:*i keepDims:2:? reduceAll:3:?
1265 reduceMin axes:1:*i keepDims:2:? reduceAll:3:?
1270 reduceSum axes:1:*i keepDims:2:? reduceAll:3:?
1275 reduceProd axes:1:*i keepDims:2:? reduceAll:3:?
1280 reduceMean axes:1:*i keepDims:2:? reduceAll:3:?
1285 reduceLogSum axes:1:*i keepDims:2:? reduceAll:3:?
1290 reduceSumSquare axes:1:*i keepDims:2:? reduceAll:3:?
1295 reduceLogSumExp axes:1:*i keepDims:2:? reduceAll:3:?
1313 whereNonZero
1315 matrixBandPart numLower:1:i numUpper:2:i
1320 lowerTriangular k:1:i
1325 upperTriangular k:1:i
1330 whereBroadcastable
1350 layerNormalization normalizedShape:1:*i eps:2:f gamma:3:w beta:4:w
1400 NonMaximumSuppression iouThreshold:1:f scoreThreshold:2:f maxBoxes:3:i perClassSuppression:4:?
1450 oneHot oneHotVectorSize:1:i axis:2:i onValue:3:f offValue:4:f
1455 cumSum axis:1:i excludeFinalSum:2:? reverse:3:?
1460 clampedReLU alpha:1:f beta:2:f
1461 argSort axis:1:i descending:2:?
1465 pooling3d type:1:eMAX|AVERAGE kernelDepth:2:i kernelHeight:3:i kernelWidth:4:i strideDepth:5:i
    strideHeight:6:i strideWidth:7:i paddingType:15:eCUSTOM|VALID|SAME customPaddingFront:8:i customPaddingBack:9:i
    customPaddingTop:10:i customPaddingBottom:11:i customPaddingLeft:12:i customPaddingRight:13:i
    countExcludePadding:14:?
1466 globalPooling3d type:1:eMAX|AVERAGE
1470 sliceBySize size:2:i axis:3:i
1471 convolution3d outputChannels:1:i inputChannels:2:i nGroups:10:i kernelDepth:20:i kernelHeight:21:i
    kernelWidth:22:i strideDepth:31:i strideHeight:32:i strideWidth:33:i dilationDepth:40:i dilationHeight:41:i
    dilationWidth:42:i hasBias:50:? weights:60:w bias:61:w paddingType:70:eCUSTOM|VALID|SAME
    customPaddingFront:80:i customPaddingBack:81:i customPaddingTop:82:i customPaddingBottom:83:i
    customPaddingLeft:84:i customPaddingRight:85:i isDeconvolution:86:? outputShape:87:*i
"""
)
ACTIVATIONS = _layers(
    """
5 linear alpha:1:f beta:2:f
10 ReLU
15 leakyReLU alpha:1:f
20 thresholdedReLU alpha:1:f
25 PReLU alpha:1:w
30 tanh
31 scaledTanh alpha:1:f beta:2:f
40 sigmoid
41 sigmoidHard alpha:1:f beta:2:f
50 ELU alpha:1:f
60 softsign
70 softplus
71 parametricSoftplus alpha:1:w beta:2:w
"""
)
LSTM_WEIGHTS = tuple(
    Field(f"{gate}{part}", number + first, "w")
    for part, first, gates in (
        ("WeightMatrix", 1, ("inputGate", "forgetGate", "blockInput", "outputGate")),
        ("RecursionMatrix", 20, ("inputGate", "forgetGate", "blockInput", "outputGate")),
        ("BiasVector", 40, ("inputGate", "forgetGate", "blockInput", "outputGate")),
        ("PeepholeVector", 60, ("inputGate", "forgetGate", "outputGate")),
    )
    for number, gate in enumerate(gates)
)
MODELS = {
    200: "PipelineClassifier", 201: "PipelineRegressor", 202: "Pipeline", 300: "GLMRegressor",
    301: "SupportVectorRegressor", 302: "TreeEnsembleRegressor", 303: "NeuralNetworkRegressor",
    304: "BayesianProbitRegressor", 400: "GLMClassifier", 401: "SupportVectorClassifier",
    402: "TreeEnsembleClassifier", 403: "NeuralNetworkClassifier", 404: "KNearestNeighborsClassifier",
    500: "NeuralNetwork", 501: "ItemSimilarityRecommender", 502: "Program", 555: "CustomModel", 556: "LinkedModel",
    560: "ClassConfidenceThresholding", 600: "OneHotEncoder", 601: "Imputer", 602: "FeatureVectorizer",
    603: "DictVectorizer", 604: "Scaler", 606: "CategoricalMapping", 607: "Normalizer", 609: "ArrayFeatureExtractor",
    610: "NonMaximumSuppression", 900: "Identity", 2000: "TextClassifier", 2001: "WordTagger",
    2002: "VisionFeaturePrint", 2003: "SoundAnalysisPreprocessing", 2004: "Gazetteer", 2005: "WordEmbedding",
    2006: "AudioFeaturePrint", 3000: "SerializedModel",
}  # fmt: skip
"""What a model is, by the number of its field in `Model`."""
