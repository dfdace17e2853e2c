#include "composer/data/formats/gzip_reader.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/status.h"

namespace composer {
namespace {

constexpr size_t kBufferSize = 1 << 16;
// The widest window, and gzip's header and trailer.
constexpr int kGzipWindow = 15 + 16;

}  // namespace

void GzipReader::EndInflate::operator()(z_stream* stream) const {
  inflateEnd(stream);
  delete stream;
}

absl::StatusOr<GzipReader> GzipReader::open(std::string path) {
  GzipReader reader;
  reader.file_.reset(std::fopen(path.c_str(), "rb"));
  if (reader.file_ == nullptr) return absl::ErrnoToStatus(errno, path);
  if (absl::EndsWith(path, ".gz")) {
    auto stream = std::make_unique<z_stream>();
    if (inflateInit2(stream.get(), kGzipWindow) != Z_OK) {
      return absl::ResourceExhaustedError(absl::StrCat(path, ": no memory to decompress it"));
    }
    reader.stream_.reset(stream.release());
    reader.input_.resize(kBufferSize);
  }
  reader.path_ = std::move(path);
  return reader;
}

absl::StatusOr<size_t> GzipReader::read(absl::Span<uint8_t> out) {
  if (stream_ == nullptr) {
    COMPOSER_ASSIGN_OR_RETURN(const size_t count, read_file(out));
    given_ += static_cast<int64_t>(count);
    return count;
  }
  size_t count = 0;
  while (count < out.size()) {
    if (stream_->avail_in == 0) COMPOSER_RETURN_IF_ERROR(refill());
    if (stream_->avail_in == 0) {
      // A gzip file has at least one member, and each one ends.
      if (at_member_start_ && file_offset_ > 0) break;
      return damaged(file_offset_ == 0 ? "expected gzip data, the file is empty"
                                       : "expected more gzip data, the file ends: it is truncated");
    }
    if (at_member_start_ && stream_->next_in[0] != 0x1f) {
      return damaged(
          absl::StrFormat("expected %s, found 0x%02x",
                          given_ + count == 0 ? "gzip data (0x1f)" : "the end of the gzip data",
                          stream_->next_in[0]));
    }
    at_member_start_ = false;
    const size_t wanted = std::min<size_t>(out.size() - count, 1u << 30);
    stream_->next_out = out.data() + count;
    stream_->avail_out = static_cast<uInt>(wanted);
    const int result = inflate(stream_.get(), Z_NO_FLUSH);
    count += wanted - stream_->avail_out;
    if (result == Z_STREAM_END) {
      at_member_start_ = true;
      inflateReset(stream_.get());
    } else if (result != Z_OK) {
      return damaged(absl::StrCat("expected sound gzip data, found damage (",
                                  stream_->msg == nullptr ? zError(result) : stream_->msg, ")"));
    }
  }
  given_ += static_cast<int64_t>(count);
  return count;
}

std::string GzipReader::position() const {
  return absl::StrCat("byte ", given_, stream_ == nullptr ? "" : " of the decompressed data");
}

absl::StatusOr<size_t> GzipReader::read_file(absl::Span<uint8_t> out) {
  const size_t count = std::fread(out.data(), 1, out.size(), file_.get());
  if (std::ferror(file_.get())) return absl::ErrnoToStatus(errno, path_);
  file_offset_ += static_cast<int64_t>(count);
  return count;
}

absl::Status GzipReader::refill() {
  COMPOSER_ASSIGN_OR_RETURN(const size_t count, read_file(absl::MakeSpan(input_)));
  stream_->next_in = input_.data();
  stream_->avail_in = static_cast<uInt>(count);
  return absl::OkStatus();
}

absl::Status GzipReader::damaged(absl::string_view what) const {
  return absl::DataLossError(
      absl::StrCat(path_, ": byte ", file_offset_ - stream_->avail_in, ": ", what));
}

}  // namespace composer
