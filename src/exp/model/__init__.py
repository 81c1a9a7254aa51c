"""The networks: one file each, a pure constructor `create` in each.

A constructor takes `input_shape` (of one example, without the batch) and `classes` from the data set and everything
else from `conf/model/`; it returns an unbuilt `keras.Model` that maps float32 pictures in 0..1, shaped
`(batch, *input_shape)`, to float32 logits, shaped `(batch, classes)`. Keras is imported when a constructor is called,
so that arguments can be checked before TensorFlow is.
"""
