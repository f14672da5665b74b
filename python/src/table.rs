//! Tables for Python, in Arrow's memory layout: whoever reads them takes the buffers as they are.

use polars_arrow::array::{Array, BooleanArray, ListArray, PrimitiveArray, StructArray, Utf8Array};
use polars_arrow::datatypes::{ArrowDataType, Field, TimeUnit};
use polars_arrow::ffi;
use polars_arrow::offset::Offsets;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use scenarios::Cells;

use crate::errors::refused;

/// One column.
pub(crate) enum Column {
    /// Nanoseconds since 1970, UTC, where there is a time.
    Times(Vec<Option<i64>>),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Yes or no.
    Bools(Vec<bool>),
    /// Numbers that are all there.
    Floats(Vec<f64>),
    /// Numbers, where there is one.
    Gaps(Vec<Option<f64>>),
    /// Words, where there are some.
    Texts(Vec<Option<String>>),
    /// Series of numbers.
    Lists(Vec<Vec<f64>>),
}

impl From<Cells> for Column {
    fn from(cells: Cells) -> Column {
        match cells {
            Cells::Times(all) => Column::Times(all),
            Cells::Ints(all) => Column::Ints(all),
            Cells::Bools(all) => Column::Bools(all),
            Cells::Floats(all) => Column::Gaps(all),
            Cells::Texts(all) => Column::Texts(all),
            Cells::Lists(all) => Column::Lists(all),
        }
    }
}

impl Column {
    fn array(self) -> PyResult<Box<dyn Array>> {
        Ok(match self {
            Column::Times(all) => {
                let utc = ArrowDataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
                Box::new(PrimitiveArray::<i64>::from(all).to(utc))
            }
            Column::Ints(all) => Box::new(PrimitiveArray::from_vec(all)),
            Column::Bools(all) => Box::new(BooleanArray::from_slice(all)),
            Column::Floats(all) => Box::new(PrimitiveArray::from_vec(all)),
            Column::Gaps(all) => Box::new(PrimitiveArray::<f64>::from(all)),
            Column::Texts(all) => Box::new(Utf8Array::<i64>::from(all)),
            Column::Lists(all) => {
                let lengths = Offsets::<i64>::try_from_lengths(all.iter().map(Vec::len));
                let values = PrimitiveArray::from_vec(all.concat());
                let kind = ListArray::<i64>::default_datatype(ArrowDataType::Float64);
                let offsets = lengths.map_err(refused)?.into();
                let list = ListArray::<i64>::try_new(kind, offsets, Box::new(values), None);
                Box::new(list.map_err(refused)?)
            }
        })
    }
}

/// A table in Arrow's layout.
///
/// ``polars.DataFrame(table)``, ``pyarrow.table(table)`` and whatever else knows the Arrow PyCapsule interface take it without
/// a copy; ``table.to_polars()`` and ``table.to_pandas()`` do it for you.
#[pyclass(frozen, module = "qsim")]
pub struct Table {
    rows: StructArray,
}

impl Table {
    /// A table of columns of one length.
    pub(crate) fn of(columns: Vec<(String, Column)>) -> PyResult<Table> {
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        for (name, column) in columns {
            let array = column.array()?;
            fields.push(Field::new(name.into(), array.dtype().clone(), true));
            arrays.push(array);
        }
        let rows = arrays.first().map_or(0, |array| array.len());
        let kind = ArrowDataType::Struct(fields);
        let rows = StructArray::try_new(kind, rows, arrays, None).map_err(refused)?;
        Ok(Table { rows })
    }

    /// A table of columns that a file could hold as well.
    pub(crate) fn of_cells(columns: Vec<(String, Cells)>) -> PyResult<Table> {
        Table::of(columns.into_iter().map(|(name, cells)| (name, cells.into())).collect())
    }
}

#[pymethods]
impl Table {
    /// Names of the columns, in their order.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.rows.fields().iter().map(|field| field.name.to_string()).collect()
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    fn __repr__(&self) -> String {
        format!("<qsim.Table of {} rows: {}>", self.rows.len(), self.columns().join(", "))
    }

    /// The Arrow PyCapsule interface: a stream of one batch. Another schema than its own is not offered, whatever is asked for.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        let field = Field::new("".into(), self.rows.dtype().clone(), false);
        let batch: Box<dyn Array> = Box::new(self.rows.clone());
        let stream = ffi::export_iterator(Box::new(std::iter::once(Ok(batch))), field);
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    /// The table as a ``polars.DataFrame``, without a copy. Needs polars.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("polars")?.call_method1("DataFrame", (slf,))
    }

    /// The table as a ``pyarrow.Table``, without a copy. Needs pyarrow.
    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("pyarrow")?.call_method1("table", (slf,))
    }

    /// The table as a ``pandas.DataFrame``. Needs pandas and pyarrow.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Table::to_arrow(slf)?.call_method0("to_pandas")
    }
}
