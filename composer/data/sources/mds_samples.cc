#include "composer/data/sources/mds_samples.h"

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"
#include "composer/data/array_tensor.h"
#include "composer/data/formats/image_file.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

using Kind = MdsEncoding::Kind;

constexpr char kInput[] = "input";

bool is_image(const MdsEncoding& encoding) {
  return encoding.kind == Kind::IMAGE_FILE || encoding.kind == Kind::PIXELS;
}

at::Tensor tensor_of(const MdsEncoding& encoding, absl::Span<const uint8_t> value,
                     const std::string& name) {
  absl::StatusOr<ArrayView> array = view_mds_array(encoding, value);
  throw_if_error(array.status());
  const at::Tensor tensor = tensor_copy(*array);
  return encoding.kind == Kind::TEXT ? tensor.to(at::kLong) : as_models_take_it(name, tensor);
}

ImageView decode_file(absl::Span<const uint8_t> value, int channels,
                      std::vector<uint8_t>& storage) {
  const absl::StatusOr<ImageSize> size = decode_image(value, {.channels = channels}, storage);
  throw_if_error(size.status());
  return interleaved_image(storage.data(), channels, size->height, size->width);
}

// Into `storage`, as the shard may be dropped while the image is looked at.
ImageView copy_pixels(absl::Span<const uint8_t> value, int channels,
                      std::vector<uint8_t>& storage) {
  const absl::StatusOr<MdsPixels> pixels = view_mds_pixels(value);
  throw_if_error(pixels.status());
  storage.assign(pixels->bytes.begin(), pixels->bytes.end());
  ImageView view =
      interleaved_image(storage.data(), pixels->channels, pixels->height, pixels->width);
  if (pixels->channels == 1 && channels == 3) {
    view.channels = 3;
    view.channel_stride = 0;
  } else if (pixels->channels == 3 && channels == 1) {
    make_grey(storage.data(), pixels->height * pixels->width);
    view = planar_image(storage.data(), 1, pixels->height, pixels->width);
  }
  return view;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const MdsSamples>> MdsSamples::create(const config::Mds& config) {
  const std::shared_ptr<MdsSamples> samples(new MdsSamples);
  absl::StatusOr<std::unique_ptr<MdsFolder>> folder =
      MdsFolder::open(config.dir(), {.verify = config.verify()});
  if (!folder.ok()) return field_error("dir", folder.status().message());
  samples->folder_ = *std::move(folder);
  if (samples->folder_->size() == 0) {
    return field_error("dir", absl::StrCat(config.dir(), " has no samples"));
  }

  const std::vector<MdsColumn>& columns = samples->folder_->columns();
  if (config.columns().empty()) {
    for (size_t i = 0; i < columns.size(); ++i) {
      COMPOSER_RETURN_IF_ERROR(
          in_field("columns", samples->choose(columns[i], i, columns[i].name)));
    }
    return samples;
  }
  std::vector<std::string> names;
  for (const MdsColumn& column : columns) names.push_back(column.name);
  for (int i = 0; i < config.columns_size(); ++i) {
    const config::Mds::Column& chosen = config.columns(i);
    const std::string field = absl::StrCat("columns[", i, "]");
    const auto found = std::find(names.begin(), names.end(), chosen.column());
    if (found == names.end()) {
      return field_error(absl::StrCat(field, ".column"),
                         absl::StrCat(config.dir(), " has no column \"", chosen.column(), "\"; ",
                                      suggestion(chosen.column(), names)));
    }
    const size_t index = found - names.begin();
    COMPOSER_RETURN_IF_ERROR(
        in_field(field, samples->choose(columns[index], index,
                                        chosen.has_tensor() ? chosen.tensor() : chosen.column())));
  }
  return samples;
}

absl::Status MdsSamples::choose(const MdsColumn& column, size_t index, const std::string& tensor) {
  const absl::StatusOr<MdsEncoding> encoding = parse_mds_encoding(column.encoding);
  if (!encoding.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("column \"", column.name,
                                                   "\": ", encoding.status().message(),
                                                   "; name the columns to read without it"));
  }
  const auto taken = [&](const Column& other) { return other.tensor == tensor; };
  if (std::any_of(tensors_.begin(), tensors_.end(), taken) || (image_ && taken(*image_))) {
    return absl::InvalidArgumentError(
        absl::StrCat("two columns become the tensor \"", tensor, "\""));
  }
  Column chosen{index, column.name, tensor, *encoding};
  if (!is_image(*encoding)) {
    tensors_.push_back(std::move(chosen));
    return absl::OkStatus();
  }
  if (image_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "both \"", image_->name, "\" and \"", column.name, "\" are images; a sample may have one"));
  }
  if (tensor != kInput) {
    return absl::InvalidArgumentError(absl::StrCat(
        "column \"", column.name, "\" is an image, which can only become the tensor \"", kInput,
        "\": columns { column: \"", column.name, "\" tensor: \"", kInput, "\" }"));
  }
  image_ = std::move(chosen);
  return absl::OkStatus();
}

std::shared_ptr<const OpenMdsShard> MdsSamples::read(int64_t index, Values& values) const {
  TORCH_CHECK_INDEX(index >= 0 && index < folder_->size(), "there is no sample ", index, " among ",
                    folder_->size());
  const MdsFolder::Place place = folder_->locate(index);
  absl::StatusOr<std::shared_ptr<const OpenMdsShard>> shard = folder_->shard(place.shard);
  throw_if_error(shard.status());
  throw_if_error((*shard)->shard.read(place.index, values));
  return *std::move(shard);
}

std::string MdsSamples::place(int64_t index, const OpenMdsShard& shard,
                              const Column& column) const {
  return absl::StrCat(shard.shard.name(), ", sample ", folder_->locate(index).index, ", column \"",
                      column.name, "\"");
}

TensorDict MdsSamples::tensors(int64_t index) const {
  Values values;
  const std::shared_ptr<const OpenMdsShard> shard = read(index, values);
  TensorDict sample;
  for (const Column& column : tensors_) {
    sample.set(column.tensor, in_context([&] { return place(index, *shard, column); },
                                         [&] {
                                           return tensor_of(column.encoding, values[column.index],
                                                            column.tensor);
                                         }));
  }
  return sample;
}

ImageView MdsSamples::image(int64_t index, int channels, std::vector<uint8_t>& storage) const {
  Values values;
  const std::shared_ptr<const OpenMdsShard> shard = read(index, values);
  const absl::Span<const uint8_t> value = values[image_->index];
  return in_context([&] { return place(index, *shard, *image_); },
                    [&] {
                      return image_->encoding.kind == Kind::PIXELS
                                 ? copy_pixels(value, channels, storage)
                                 : decode_file(value, channels, storage);
                    });
}

}  // namespace composer
