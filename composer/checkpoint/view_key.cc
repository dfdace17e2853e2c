#include "composer/checkpoint/view_key.h"

namespace composer {

ViewKey view_key(const at::Tensor& tensor) {
  return ViewKey(tensor.storage().unsafeGetStorageImpl(), tensor.scalar_type(), tensor.is_conj(),
                 tensor.is_neg(), tensor.storage_offset(), tensor.sizes().vec(),
                 tensor.strides().vec());
}

}  // namespace composer
