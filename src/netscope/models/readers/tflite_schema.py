"""Names of TensorFlow Lite's operators and of their options, from its schema.

Generated from tensorflow/compiler/mlir/lite/schema/schema.fbs of TensorFlow 2.18 (Apache-2.0). An option is written as
its slot in the table, its name and the letter that `struct` has for its type; "*" is a vector, "s" a text.
"""

OPERATORS = (
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP
    FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
    LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX
    SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD
    UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE
    UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX
    DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER
    GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL
    LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND
    LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE
    RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N
    GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF
    WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
    PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
    HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE
    READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL
    GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM
    ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD
    STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP
    STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE
    STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL
    STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER
    STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER
    STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD
    STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE
    STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE
    STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT
    """
).split()
"""By their codes."""

OPTIONS = [
    "",  # NONE
    # Conv2DOptions
    "0:padding:b 1:stride_w:i 2:stride_h:i 3:fused_activation_function:b 4:dilation_w_factor:i "
    "5:dilation_h_factor:i 6:quantized_bias_type:b",
    # DepthwiseConv2DOptions
    "0:padding:b 1:stride_w:i 2:stride_h:i 3:depth_multiplier:i 4:fused_activation_function:b "
    "5:dilation_w_factor:i 6:dilation_h_factor:i",
    "0:num_channels:i 1:num_columns_per_channel:*i 2:embedding_dim_per_channel:*i",  # ConcatEmbeddingsOptions
    "0:type:b",  # LSHProjectionOptions
    # Pool2DOptions
    "0:padding:b 1:stride_w:i 2:stride_h:i 3:filter_width:i 4:filter_height:i 5:fused_activation_function:b",
    "0:rank:i 1:fused_activation_function:b 2:asymmetric_quantize_inputs:?",  # SVDFOptions
    "0:fused_activation_function:b 1:asymmetric_quantize_inputs:?",  # RNNOptions
    # FullyConnectedOptions
    "0:fused_activation_function:b 1:weights_format:b 2:keep_num_dims:? 3:asymmetric_quantize_inputs:? "
    "4:quantized_bias_type:b",
    "0:beta:f",  # SoftmaxOptions
    "0:axis:i 1:fused_activation_function:b",  # ConcatenationOptions
    "0:fused_activation_function:b 1:pot_scale_int16:?",  # AddOptions
    "0:fused_activation_function:b",  # L2NormOptions
    "0:radius:i 1:bias:f 2:alpha:f 3:beta:f",  # LocalResponseNormalizationOptions
    # LSTMOptions
    "0:fused_activation_function:b 1:cell_clip:f 2:proj_clip:f 3:kernel_type:b 4:asymmetric_quantize_inputs:?",
    "2:align_corners:? 3:half_pixel_centers:?",  # ResizeBilinearOptions
    "0:subgraph:I",  # CallOptions
    "0:new_shape:*i",  # ReshapeOptions
    "0:ngram_size:i 1:max_skip_size:i 2:include_all_ngrams:?",  # SkipGramOptions
    "0:block_size:i",  # SpaceToDepthOptions
    "0:combiner:b",  # EmbeddingLookupSparseOptions
    "0:fused_activation_function:b",  # MulOptions
    "",  # PadOptions
    "0:axis:i 1:batch_dims:i",  # GatherOptions
    "",  # BatchToSpaceNDOptions
    "",  # SpaceToBatchNDOptions
    "",  # TransposeOptions
    "0:keep_dims:?",  # ReducerOptions
    "0:fused_activation_function:b 1:pot_scale_int16:?",  # SubOptions
    "0:fused_activation_function:b",  # DivOptions
    "0:squeeze_dims:*i",  # SqueezeOptions
    "0:time_major:? 1:fused_activation_function:b 2:asymmetric_quantize_inputs:?",  # SequenceRNNOptions
    # StridedSliceOptions
    "0:begin_mask:i 1:end_mask:i 2:ellipsis_mask:i 3:new_axis_mask:i 4:shrink_axis_mask:i 5:offset:?",
    "",  # ExpOptions
    "",  # TopKV2Options
    "0:num_splits:i",  # SplitOptions
    "",  # LogSoftmaxOptions
    "0:in_data_type:b 1:out_data_type:b",  # CastOptions
    "",  # DequantizeOptions
    "",  # MaximumMinimumOptions
    "0:output_type:b",  # ArgMaxOptions
    "",  # LessOptions
    "",  # NegOptions
    "",  # PadV2Options
    "",  # GreaterOptions
    "",  # GreaterEqualOptions
    "",  # LessEqualOptions
    "",  # SelectOptions
    "",  # SliceOptions
    # TransposeConvOptions
    "0:padding:b 1:stride_w:i 2:stride_h:i 3:fused_activation_function:b 4:quantized_bias_type:b",
    "0:validate_indices:?",  # SparseToDenseOptions
    "",  # TileOptions
    "",  # ExpandDimsOptions
    "",  # EqualOptions
    "",  # NotEqualOptions
    "0:out_type:b",  # ShapeOptions
    "",  # PowOptions
    "0:output_type:b",  # ArgMinOptions
    "0:min:f 1:max:f 2:num_bits:i 3:narrow_range:?",  # FakeQuantOptions
    "0:values_count:i 1:axis:i",  # PackOptions
    "",  # LogicalOrOptions
    "0:axis:i",  # OneHotOptions
    "",  # LogicalAndOptions
    "",  # LogicalNotOptions
    "0:num:i 1:axis:i",  # UnpackOptions
    "",  # FloorDivOptions
    "",  # SquareOptions
    "",  # ZerosLikeOptions
    "",  # FillOptions
    # BidirectionalSequenceLSTMOptions
    "0:fused_activation_function:b 1:cell_clip:f 2:proj_clip:f 3:merge_outputs:? 4:time_major:? "
    "5:asymmetric_quantize_inputs:?",
    # BidirectionalSequenceRNNOptions
    "0:time_major:? 1:fused_activation_function:b 2:merge_outputs:? 3:asymmetric_quantize_inputs:?",
    # UnidirectionalSequenceLSTMOptions
    "0:fused_activation_function:b 1:cell_clip:f 2:proj_clip:f 3:time_major:? 4:asymmetric_quantize_inputs:? "
    "5:diagonal_recurrent_tensors:?",
    "",  # FloorModOptions
    "",  # RangeOptions
    "0:align_corners:? 1:half_pixel_centers:?",  # ResizeNearestNeighborOptions
    "0:alpha:f",  # LeakyReluOptions
    "",  # SquaredDifferenceOptions
    "0:mode:b",  # MirrorPadOptions
    "",  # AbsOptions
    "0:num_splits:i",  # SplitVOptions
    "0:idx_out_type:b",  # UniqueOptions
    "",  # ReverseV2Options
    "",  # AddNOptions
    "",  # GatherNdOptions
    "",  # CosOptions
    "",  # WhereOptions
    "",  # RankOptions
    "0:seq_dim:i 1:batch_dim:i",  # ReverseSequenceOptions
    "",  # MatrixDiagOptions
    "",  # QuantizeOptions
    "",  # MatrixSetDiagOptions
    "",  # HardSwishOptions
    "0:then_subgraph_index:i 1:else_subgraph_index:i",  # IfOptions
    "0:cond_subgraph_index:i 1:body_subgraph_index:i",  # WhileOptions
    "0:block_size:i",  # DepthToSpaceOptions
    "",  # NonMaxSuppressionV4Options
    "",  # NonMaxSuppressionV5Options
    "",  # ScatterNdOptions
    "",  # SelectV2Options
    "",  # DensifyOptions
    "",  # SegmentSumOptions
    "0:adj_x:? 1:adj_y:? 2:asymmetric_quantize_inputs:?",  # BatchMatMulOptions
    "0:exclusive:? 1:reverse:?",  # CumsumOptions
    "0:init_subgraph_index:i",  # CallOnceOptions
    "",  # BroadcastToOptions
    "",  # Rfft2dOptions
    # Conv3DOptions
    "0:padding:b 1:stride_d:i 2:stride_w:i 3:stride_h:i 4:fused_activation_function:b 5:dilation_d_factor:i "
    "6:dilation_w_factor:i 7:dilation_h_factor:i",
    "0:table_id:i 1:key_dtype:b 2:value_dtype:b",  # HashtableOptions
    "",  # HashtableFindOptions
    "",  # HashtableImportOptions
    "",  # HashtableSizeOptions
    "0:container:s 1:shared_name:s",  # VarHandleOptions
    "",  # ReadVariableOptions
    "",  # AssignVariableOptions
    "0:seed:q 1:seed2:q",  # RandomOptions
    "0:boundaries:*f",  # BucketizeOptions
    "0:approximate:?",  # GeluOptions
    "",  # DynamicUpdateSliceOptions
    "",  # UnsortedSegmentProdOptions
    "",  # UnsortedSegmentMaxOptions
    "",  # UnsortedSegmentMinOptions
    "",  # UnsortedSegmentSumOptions
    "",  # ATan2Options
    "",  # SignOptions
    "",  # BitcastOptions
    "",  # BitwiseXorOptions
    "",  # RightShiftOptions
]
"""Options of operators, by their type."""

OPTIONS_2 = [
    "",  # NONE
    "0:dimension:q",  # StablehloConcatenateOptions
    "0:broadcast_dimensions:*q",  # StablehloBroadcastInDimOptions
    "0:start_indices:*q 1:limit_indices:*q 2:strides:*q",  # StablehloSliceOptions
    # StablehloConvolutionOptions
    "0:window_strides:*q 1:padding:*q 2:lhs_dilation:*q 3:rhs_dilation:*q 4:window_reversal:*? "
    "5:input_batch_dimension:q 6:input_feature_dimension:q 7:input_spatial_dimensions:*q "
    "8:kernel_input_feature_dimension:q 9:kernel_output_feature_dimension:q 10:kernel_spatial_dimensions:*q "
    "11:output_batch_dimension:q 12:output_feature_dimension:q 13:output_spatial_dimensions:*q "
    "14:feature_group_count:q 15:batch_group_count:q 16:precision_config:*I",
    # StablehloCustomCallOptions
    "0:call_target_name:s 1:has_side_effect:? 2:backend_config:s 3:api_version:i 4:called_computations:*i "
    "5:custom_attributes:*B",
    "0:dimensions:*q 1:body_subgraph_index:i",  # StablehloReduceOptions
    # StablehloScatterOptions
    "0:indices_are_sorted:? 1:update_window_dims:*q 2:inserted_window_dims:*q "
    "3:scatter_dims_to_operand_dims:*q 4:index_vector_dim:q 5:unique_indices:? "
    "6:update_computation_subgraph_index:i",
    "0:comparison_direction:I 1:compare_type:I",  # StablehloCompareOptions
    "0:slice_sizes:*q",  # StablehloDynamicSliceOptions
    "0:edge_padding_low:*q 1:edge_padding_high:*q 2:interior_padding:*q",  # StablehloPadOptions
    "0:iota_dimension:q",  # StablehloIotaOptions
    # StablehloDotGeneralOptions
    "0:lhs_batching_dimensions:*q 1:rhs_batching_dimensions:*q 2:lhs_contracting_dimensions:*q "
    "3:rhs_contracting_dimensions:*q 4:precision_config:*I",
    # StablehloReduceWindowOptions
    "0:window_dimensions:*q 1:window_strides:*q 2:base_dilations:*q 3:window_dilations:*q 4:padding:*q "
    "5:body_subgraph_index:i",
    "0:dimension:q 1:is_stable:? 2:comparator_subgraph_index:i",  # StablehloSortOptions
    "0:cond_subgraph_index:i 1:body_subgraph_index:i",  # StablehloWhileOptions
    # StablehloGatherOptions
    "0:offset_dims:*q 1:collapsed_slice_dims:*q 2:start_index_map:*q 3:index_vector_dim:q 4:slice_sizes:*q "
    "5:indices_are_sorted:?",
    "0:permutation:*q",  # StablehloTransposeOptions
    "",  # DilateOptions
    "0:algorithm:b",  # StablehloRngBitGeneratorOptions
    "0:reduce_function:i",  # ReduceWindowOptions
    # StableHLOCompositeOptions
    "0:name:s 1:decomposition_subgraph_index:i 2:composite_attributes:*B 3:composite_attributes_format:b 4:version:i",
    "",  # StablehloShiftLeftOptions
]
"""The same of the second union."""
