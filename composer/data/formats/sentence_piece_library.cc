#include "composer/data/formats/sentence_piece_library.h"

#include <dlfcn.h>
#include <sentencepiece_processor.h>

#include <cstddef>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

// The library is not linked. It has a protobuf of its own inside, older than ours and under the
// same names, so that in a linked program each calls the other's and ends the process. Loaded with
// RTLD_DEEPBIND it finds its own, and with RTLD_LOCAL nobody else does. What its header declares
// virtual is called as ever, the rest by the names that compilers give it.

namespace composer {
namespace {

using sentencepiece::SentencePieceProcessor;
using sentencepiece::util::Status;

// A Status in memory: its destructor is not there to link, and having one makes it be returned as
// Status is.
struct RawStatus {
  alignas(Status) std::byte bytes[sizeof(Status)];
  ~RawStatus() {}
};

struct Library {
  std::string problem;
  void (*construct)(void* processor) = nullptr;
  RawStatus (*load)(void* processor, std::string_view model) = nullptr;
  RawStatus (*encode)(const void* processor, std::string_view text,
                      std::vector<int>* tokens) = nullptr;
  const char* (*message)(const void* status) = nullptr;
  void (*destroy_status)(void* status) = nullptr;
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

Library open_library() {
  return {.problem = "SentencePiece's library cannot be loaded under this sanitizer"};
}

#else

Library open_library() {
  Library library;
  void* const handle = dlopen("libsentencepiece.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (handle == nullptr) {
    library.problem = std::string("SentencePiece's library cannot be loaded: ") + dlerror() +
                      "; Debian's package libsentencepiece0 brings it: apt-get install "
                      "libsentencepiece0";
    return library;
  }
  const auto find = [&](auto& function, const char* name) {
    void* const address = dlsym(handle, name);
    if (address == nullptr) {
      library.problem = std::string("SentencePiece's library has no ") + name +
                        "; expected that of Debian's package libsentencepiece0";
    }
    function = reinterpret_cast<std::remove_reference_t<decltype(function)> >(address);
  };
  find(library.construct, "_ZN13sentencepiece22SentencePieceProcessorC1Ev");
  find(library.load,
       "_ZN13sentencepiece22SentencePieceProcessor23LoadFromSerializedProtoE"
       "St17basic_string_viewIcSt11char_traitsIcEE");
  find(library.encode,
       "_ZNK13sentencepiece22SentencePieceProcessor6EncodeE"
       "St17basic_string_viewIcSt11char_traitsIcEEPSt6vectorIiSaIiEE");
  find(library.message, "_ZNK13sentencepiece4util6Status13error_messageEv");
  find(library.destroy_status, "_ZN13sentencepiece4util6StatusD1Ev");
  return library;
}

#endif

// What `status` says, which is destroyed; empty for success.
std::string take_message(const Library& library, RawStatus& status) {
  const bool ok = reinterpret_cast<const Status*>(status.bytes)->ok();
  std::string message = ok ? "" : library.message(status.bytes);
  library.destroy_status(status.bytes);
  return ok || !message.empty() ? message : "it says nothing more";
}

class Processor final : public SentencePieceHandle {
 public:
  explicit Processor(const Library& library) : library_(library) {
    void* const memory = ::operator new(sizeof(SentencePieceProcessor));
    library.construct(memory);
    processor_.reset(static_cast<SentencePieceProcessor*>(memory));
  }

  // What is wrong with `model`; empty when it was loaded.
  std::string load(std::string_view model) {
    RawStatus status = library_.load(processor_.get(), model);
    return take_message(library_, status);
  }

  std::vector<int> encode(std::string_view text) const override {
    std::vector<int> tokens;
    RawStatus status = library_.encode(processor_.get(), text, &tokens);
    const std::string problem = take_message(library_, status);
    if (!problem.empty())
      throw std::runtime_error("SentencePiece cannot encode a text: " + problem);
    return tokens;
  }

  int64_t vocabulary_size() const override { return processor_->GetPieceSize(); }
  int begin_token() const override { return processor_->bos_id(); }
  int end_token() const override { return processor_->eos_id(); }

 private:
  const Library& library_;
  std::unique_ptr<SentencePieceProcessor> processor_;
};

}  // namespace

SentencePieceResult load_sentence_piece(std::string_view model) {
  static const Library library = open_library();
  if (!library.problem.empty()) return {.problem = library.problem};
  auto processor = std::make_unique<Processor>(library);
  std::string problem = processor->load(model);
  if (!problem.empty()) return {.has_library = true, .problem = std::move(problem)};
  return {.handle = std::move(processor), .has_library = true};
}

}  // namespace composer
