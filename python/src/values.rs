//! Values on their way between Rust and Python.

use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde_json::{Map, Value as Json};

/// A value as a scenario file may have it: bool, int, float, str, list, tuple or dict.
pub(crate) fn json_of(value: &Bound<'_, PyAny>) -> PyResult<Json> {
    if value.is_instance_of::<PyBool>() {
        return Ok(Json::Bool(value.extract()?));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(Json::from(value.extract::<i64>()?));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(Json::from(value.extract::<f64>()?));
    }
    if value.is_instance_of::<PyString>() {
        return Ok(Json::String(value.extract()?));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let all: PyResult<Vec<Json>> = value.try_iter()?.map(|one| json_of(&one?)).collect();
        return Ok(Json::Array(all?));
    }
    if let Ok(all) = value.cast::<PyDict>() {
        let mut map = Map::new();
        for (key, value) in all {
            map.insert(key.extract()?, json_of(&value)?);
        }
        return Ok(Json::Object(map));
    }
    let kind = value.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "{kind} is no value of a scenario file: give bool, int, float, str, list or dict"
    )))
}

/// A JSON value as Python has it. Of serde's `{"Ok": …}` and `{"Err": …}` the inner value: a table, or words that say why there
/// is none.
pub(crate) fn python_of<'py>(py: Python<'py>, value: &Json) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Json::Null => Ok(py.None().into_bound(py)),
        Json::Bool(value) => value.into_bound_py_any(py),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => whole.into_bound_py_any(py),
            (None, Some(whole)) => whole.into_bound_py_any(py),
            _ => number.as_f64().into_bound_py_any(py),
        },
        Json::String(text) => text.into_bound_py_any(py),
        Json::Array(all) => {
            let list = PyList::empty(py);
            for one in all {
                list.append(python_of(py, one)?)?;
            }
            Ok(list.into_any())
        }
        Json::Object(all) => {
            let mut entries = all.iter();
            if let (Some((key, inner)), None) = (entries.next(), entries.next())
                && (key == "Ok" || key == "Err")
            {
                return python_of(py, inner);
            }
            let dict = PyDict::new(py);
            for (key, value) in all {
                dict.set_item(key, python_of(py, value)?)?;
            }
            Ok(dict.into_any())
        }
    }
}
