//! DLPack, legacy and versioned, both ways.

mod export;
mod import;

pub use export::{
    Guise, lend, share_legacy, share_legacy_as, share_versioned, share_versioned_as, to_legacy, to_versioned,
};
pub use import::{
    allocate_like, check_legacy, check_versioned, from_legacy, from_versioned, is_copied, reunite_versioned,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::dtype::DType;
    use crate::layout::Order;
    use crate::tensor::Tensor;

    /// Shape and strides as a consumer sees them, and whether there are data.
    fn exported(tensor: &Tensor) -> (Vec<i64>, Vec<i64>, bool) {
        let managed = share_versioned(tensor, false).unwrap();
        // SAFETY: the struct was made just now, and is ended once.
        unsafe {
            let dl = &managed.as_ref().dl_tensor;
            let dims = |dims: *mut i64| std::slice::from_raw_parts(dims, dl.ndim as usize).to_vec();
            let seen = (dims(dl.shape), dims(dl.strides), !dl.data.is_null());
            managed.as_ref().deleter.unwrap()(managed.as_ptr());
            seen
        }
    }

    #[test]
    fn an_export_shows_shape_and_strides_and_those_of_c_order_where_they_mean_nothing() {
        let tensor = |shape: &[i64]| Tensor::empty(DType::FLOAT32, shape, Order::C, Device::CPU).unwrap();
        let plain = tensor(&[4, 3]);
        assert_eq!(exported(&plain), (vec![4, 3], vec![3, 1], true));
        assert_eq!(exported(&plain.transpose().unwrap()), (vec![3, 4], vec![1, 3], true));
        let row = plain.slice(0, Some(1), Some(2), 3).unwrap();
        assert_eq!(exported(&row), (vec![1, 3], vec![3, 1], true));
        let column = plain.slice(1, Some(1), Some(2), 1).unwrap();
        assert_eq!(exported(&column), (vec![4, 1], vec![3, 1], true));
        assert_eq!(exported(&tensor(&[])), (vec![], vec![], true));
        assert_eq!(exported(&tensor(&[2, 0, 3])), (vec![2, 0, 3], vec![3, 3, 1], false));
        let deep = tensor(&[2; 10]);
        assert_eq!(exported(&deep), (vec![2; 10], deep.layout().strides().to_vec(), true));
    }

    #[test]
    fn an_export_holds_a_reference_until_its_deleter_runs() {
        let tensor = Tensor::empty(DType::FLOAT32, &[2], Order::C, Device::CPU).unwrap();
        let managed = share_versioned(&tensor, false).unwrap();
        assert_eq!(tensor.reference_count(), 2);
        // SAFETY: the struct is ended by the tensor that it becomes.
        let back = unsafe { from_versioned(managed) }.unwrap();
        assert_eq!((back.data(), tensor.reference_count()), (tensor.data(), 2));
        drop(back);
        assert_eq!(tensor.reference_count(), 1);
    }

    #[test]
    #[cfg_attr(miri, ignore = "a generic function has an address for each use there")]
    fn a_tensor_that_comes_back_is_a_view_on_the_same_memory() {
        let tensor = Tensor::zeros(DType::FLOAT32, &[4, 3], Order::C, Device::CPU).unwrap();
        let part = tensor.slice(0, Some(1), None, 2).unwrap().flip(Some(&[1])).unwrap();
        // SAFETY: each struct is ended by the tensor that it becomes.
        let back = unsafe { from_versioned(share_versioned(&part, false).unwrap()) }.unwrap();
        assert_eq!((back.data(), back.layout()), (part.data(), part.layout()));
        assert!(std::ptr::eq(back.storage(), tensor.storage()));
        // SAFETY: as above.
        let again = unsafe { from_legacy(share_legacy(&back).unwrap()) }.unwrap();
        drop((tensor, part, back));
        // SAFETY: the tensor holds the memory.
        assert_eq!(unsafe { again.data().cast::<f32>().read() }, 0.0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "a generic function has an address for each use there")]
    fn what_is_read_only_comes_back_read_only() {
        let tensor = Tensor::zeros(DType::INT8, &[4], Order::C, Device::CPU).unwrap().as_read_only().unwrap();
        // SAFETY: the struct is ended by the tensor that it becomes, also when the flag was taken away.
        unsafe {
            let managed = share_versioned(&tensor, false).unwrap();
            (*managed.as_ptr()).flags = 0;
            assert!(from_versioned(managed).unwrap().is_read_only());
        }
    }

    #[test]
    fn a_struct_of_ours_that_was_made_to_describe_other_memory_is_adopted_as_it_is() {
        let tensor = Tensor::zeros(DType::INT8, &[4], Order::C, Device::CPU).unwrap();
        let mut other = [7i8; 8];
        let managed = share_versioned(&tensor, false).unwrap();
        // SAFETY: the eight bytes outlive the tensor on them.
        let back = unsafe {
            (*managed.as_ptr()).dl_tensor.data = other.as_mut_ptr().cast();
            *(*managed.as_ptr()).dl_tensor.shape = 8;
            from_versioned(managed).unwrap()
        };
        assert_eq!((back.data().cast_const(), back.element_count()), (other.as_ptr().cast(), 8));
        assert_eq!(tensor.reference_count(), 2);
        drop(back);
        assert_eq!(tensor.reference_count(), 1);
    }

    #[test]
    fn coming_and_going_any_number_of_times_makes_no_chain() {
        let mut tensor = Tensor::zeros(DType::INT8, &[4], Order::C, Device::CPU).unwrap();
        // Miri takes some thousand times as long.
        let rounds = if cfg!(miri) { 100 } else { 300_000 };
        for _ in 0..rounds {
            // SAFETY: the struct is ended by the tensor that it becomes.
            tensor = unsafe { from_versioned(share_versioned(&tensor, false).unwrap()) }.unwrap();
        }
        drop(tensor);
    }

    #[test]
    fn a_lent_description_points_into_the_tensor_and_adds_no_reference() {
        let tensor = Tensor::empty(DType::FLOAT32, &[4, 3], Order::C, Device::CPU).unwrap();
        let view = tensor.transpose().unwrap();
        let lent = lend(&view).unwrap();
        assert_eq!((lent.ndim, lent.data, lent.byte_offset), (2, view.data().cast(), 0));
        let layout = view.layout();
        assert_eq!(
            (lent.shape.cast_const(), lent.strides.cast_const()),
            (layout.shape().as_ptr(), layout.strides().as_ptr())
        );
        assert_eq!(view.reference_count(), 1);
        assert!(lend(&view.as_read_only().unwrap()).is_err());
    }

    #[test]
    fn a_prototype_says_type_shape_and_device_and_nothing_else() {
        let tensor = Tensor::empty(DType::FLOAT32, &[4, 3], Order::F, Device::CPU).unwrap();
        let mut prototype = lend(&tensor).unwrap();
        (prototype.data, prototype.byte_offset) = (std::ptr::without_provenance_mut(1), 5);
        prototype.strides = std::ptr::without_provenance_mut(1);
        // SAFETY: the shape is the tensor's own.
        let like = unsafe { allocate_like(&prototype) }.unwrap();
        assert_eq!((like.dtype(), like.layout().shape()), (DType::FLOAT32, &[4, 3][..]));
        assert_eq!(like.layout().strides(), [3, 1]);
    }
}
