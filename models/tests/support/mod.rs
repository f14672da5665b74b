//! Small model files, made here: an ONNX graph byte by byte, and trees.

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A number of a protocol buffer.
fn number(field: u64, value: u64, out: &mut Vec<u8>) {
    varint(field << 3, out);
    varint(value, out);
}

/// Bytes, text or a message of a protocol buffer.
fn bytes(field: u64, value: &[u8], out: &mut Vec<u8>) {
    varint(field << 3 | 2, out);
    varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

fn message(parts: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    parts(&mut out);
    out
}

fn node(op: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    message(|out| {
        inputs.iter().for_each(|input| bytes(1, input.as_bytes(), out));
        bytes(2, output.as_bytes(), out);
        bytes(3, output.as_bytes(), out);
        bytes(4, op.as_bytes(), out);
    })
}

fn value_info(name: &str, columns: u64) -> Vec<u8> {
    let dim = |size: u64| message(|out| number(1, size, out));
    let shape = message(|out| {
        bytes(1, &dim(1), out);
        bytes(1, &dim(columns), out);
    });
    let tensor = message(|out| {
        number(1, 1, out);
        bytes(2, &shape, out);
    });
    let kind = message(|out| bytes(1, &tensor, out));
    message(|out| {
        bytes(1, name.as_bytes(), out);
        bytes(2, &kind, out);
    })
}

/// An ONNX graph: the inputs times these weights, row by row, through `last` (Softmax or Sigmoid).
pub fn onnx(weights: &[Vec<f32>], last: &str) -> Vec<u8> {
    let (rows, columns) = (weights.len() as u64, weights[0].len() as u64);
    let raw: Vec<u8> = weights.iter().flatten().flat_map(|weight| weight.to_le_bytes()).collect();
    let tensor = message(|out| {
        number(1, rows, out);
        number(1, columns, out);
        number(2, 1, out);
        bytes(8, b"w", out);
        bytes(9, &raw, out);
    });
    let graph = message(|out| {
        bytes(1, &node("MatMul", &["features", "w"], "sums"), out);
        bytes(1, &node(last, &["sums"], "chances"), out);
        bytes(2, b"small", out);
        bytes(5, &tensor, out);
        bytes(11, &value_info("features", rows), out);
        bytes(12, &value_info("chances", columns), out);
    });
    message(|out| {
        number(1, 7, out);
        bytes(7, &graph, out);
        bytes(8, &message(|out| number(2, 13, out)), out);
    })
}

/// Weights that are zero but in the row of the RSI, the eighth.
pub fn rsi_weights(row: &[f32]) -> Vec<Vec<f32>> {
    let mut weights = vec![vec![0.0; row.len()]; 18];
    weights[7] = row.to_vec();
    weights
}
