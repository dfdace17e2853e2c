#include "composer/config/textproto_reader.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace composer {
namespace {

using google::protobuf::io::Tokenizer;

// The tokenizer counts a tab as the way to the next multiple of 8; errors count bytes.
class ByteColumns {
 public:
  explicit ByteColumns(const std::string& text) : text_(text) {}

  // REQUIRES: positions never go backwards.
  int column(int line, int tokenizer_column) {
    while (line_ < line && byte_ < text_.size()) {
      if (text_[byte_++] == '\n') {
        ++line_;
        line_start_ = byte_;
        column_ = 0;
      }
    }
    while (column_ < tokenizer_column && byte_ < text_.size() && text_[byte_] != '\n') {
      column_ = text_[byte_] == '\t' ? (column_ / 8 + 1) * 8 : column_ + 1;
      ++byte_;
    }
    return static_cast<int>(byte_ - line_start_) + 1;
  }

 private:
  const std::string& text_;
  int line_ = 0;
  size_t line_start_ = 0;
  size_t byte_ = 0;
  int column_ = 0;
};

class Reader : private google::protobuf::io::ErrorCollector {
 public:
  Reader(const std::string& text, std::shared_ptr<const Source> source, bool fragment,
         Diagnostics& diagnostics)
      : columns_(text),
        error_columns_(text),
        source_(std::move(source)),
        fragment_(fragment),
        diagnostics_(diagnostics),
        stream_(text.data(), static_cast<int>(text.size())),
        tokenizer_(&stream_, this) {
    tokenizer_.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
    tokenizer_.set_allow_f_after_float(true);  // as TextFormat does
    next();
  }

  Value read_file() {
    Value map = make_map({source_, 0, 0});
    read_fields(map, "", 0);
    return map;
  }

  absl::optional<Value> read_argument(bool message) {
    Value value;
    const bool bracket = at_symbol("{") || at_symbol("<") || at_symbol("[");
    const bool read = message && !bracket ? read_bare_message(value) : read_value(value, 0);
    if (read && token().type != Tokenizer::TYPE_END) fail_expecting("the end of the argument");
    if (failed_) return absl::nullopt;
    return value;
  }

 private:
  // Called while the next token is read; next() reports it.
  void AddError(int line, int column, const std::string& message) override {
    if (!token_error_.empty()) return;
    token_error_ = std::string(absl::StripSuffix(message, "."));
    token_error_[0] = absl::ascii_tolower(token_error_[0]);
    token_error_location_ = {source_, line + 1, error_columns_.column(line, column)};
  }

  const Tokenizer::Token& token() { return tokenizer_.current(); }

  void next() {
    tokenizer_.Next();
    location_ = {source_, token().line + 1, columns_.column(token().line, token().column)};
    if (!token_error_.empty()) fail_token();
  }

  void fail_token() {
    const bool open_string = absl::StrContains(token_error_, "cross line boundaries") ||
                             absl::StrContains(token_error_, "end of string");
    const bool number = absl::StrContains(token_error_, "followed by exponent") ||
                        absl::StrContains(token_error_, "between number and identifier");
    if (open_string) {
      fail(location_, "this string has no closing quote on its line");
    } else if (number) {
      fail(location_, absl::StrCat(token_error_, "; a time such as \"10ep\" is written in quotes"));
    } else {
      fail(token_error_location_, token_error_);
    }
  }

  bool at_symbol(absl::string_view symbol) {
    return token().type == Tokenizer::TYPE_SYMBOL && token().text == symbol;
  }

  bool take_symbol(absl::string_view symbol) {
    if (!at_symbol(symbol)) return false;
    next();
    return true;
  }

  // Only the first error of a text says what is wrong.
  bool fail(const Location& location, absl::string_view message) {
    if (!failed_) diagnostics_.add(location, "", message);
    failed_ = true;
    return false;
  }

  bool fail_expecting(absl::string_view expected) {
    const bool end = token().type == Tokenizer::TYPE_END;
    return fail(location_,
                absl::StrCat("expected ", expected, ", found ",
                             end ? "the end of the text"
                                 : absl::StrCat("\"", token().text.substr(0, 80), "\"")));
  }

  // Both names and values: `a` alone is the word a, `a: 1 b { }` the fields of a message.
  bool read_bare_message(Value& value) {
    if (token().type == Tokenizer::TYPE_END) return fail_expecting("a value");
    value = make_map(location_);
    ValueEntry first;
    if (!read_key(first)) return false;
    if (token().type == Tokenizer::TYPE_END && !first.append) {
      const bool null = first.key == "null";
      value = make_scalar(null ? Value::ScalarKind::kNull : Value::ScalarKind::kWord, first.key,
                          first.location);
      return true;
    }
    return read_field_value(first, 0) && (value.entries.push_back(std::move(first)), true) &&
           read_fields(value, "", 0);
  }

  // Reads up to and with the symbol `close`; an empty one is the end of the text.
  bool read_fields(Value& map, absl::string_view close, int depth) {
    while (true) {
      if (failed_) {
        map.incomplete = true;
        return false;
      }
      if (token().type == Tokenizer::TYPE_END) {
        if (close.empty()) return true;
        map.incomplete = true;
        return fail(location_,
                    absl::StrCat("expected \"", close, "\" for the message that is opened",
                                 " at line ", map.location.line, ", column ", map.location.column,
                                 ", found the end of the text"));
      }
      if (!close.empty() && take_symbol(close)) return true;
      ValueEntry entry;
      const bool key = read_key(entry);
      const bool read = key && read_field_value(entry, depth);
      // A part of a value is kept: its errors are worth showing too.
      if (key && (read || entry.value.incomplete)) map.entries.push_back(std::move(entry));
      if (!read) {
        map.incomplete = true;
        return false;
      }
      if (!take_symbol(",")) take_symbol(";");
    }
  }

  bool read_key(ValueEntry& entry) {
    entry.location = location_;
    if (at_symbol("[")) {
      if (!read_type_key(entry.key)) return false;
    } else if (token().type == Tokenizer::TYPE_IDENTIFIER) {
      entry.key = token().text;
      next();
    } else if (fragment_ && token().type == Tokenizer::TYPE_STRING) {
      Tokenizer::ParseString(token().text, &entry.key);
      next();
    } else {
      return fail_expecting("the name of a field");
    }
    entry.append = take_symbol("+");
    return true;
  }

  // "[type.googleapis.com/full.Name]"
  bool read_type_key(std::string& key) {
    key = "[";
    next();
    while (!at_symbol("]")) {
      const bool part = token().type == Tokenizer::TYPE_IDENTIFIER ||
                        token().type == Tokenizer::TYPE_INTEGER ||
                        token().type == Tokenizer::TYPE_FLOAT || at_symbol(".") || at_symbol("/") ||
                        at_symbol("-");
      if (!part) return fail_expecting("a message type's name and \"]\"");
      key += token().text;
      next();
    }
    next();
    key += "]";
    return true;
  }

  bool read_field_value(ValueEntry& entry, int depth) {
    const bool colon = take_symbol(":");
    const bool bracket = at_symbol("{") || at_symbol("<") || at_symbol("[");
    if (!colon && !bracket) {
      return fail_expecting(absl::StrCat("\":\" or \"{\" after \"", entry.key, "\""));
    }
    return read_value(entry.value, depth);
  }

  bool read_value(Value& value, int depth) {
    if (failed_) return false;
    if (++nodes_ > kMaxValueNodes) return fail(location_, "the file has too many values");
    if (depth >= kMaxValueDepth) {
      return fail(location_, absl::StrCat("values are nested more than ", kMaxValueDepth, " deep"));
    }
    const Location begin = location_;
    if (take_symbol("{")) return read_message(value, begin, "}", depth);
    if (take_symbol("<")) return read_message(value, begin, ">", depth);
    if (take_symbol("[")) return read_list(value, begin, depth);
    return read_scalar(value, depth);
  }

  bool read_message(Value& value, const Location& begin, absl::string_view close, int depth) {
    value = make_map(begin);
    return read_fields(value, close, depth + 1);
  }

  bool read_list(Value& value, const Location& begin, int depth) {
    value = make_list(begin);
    if (take_symbol("]")) return true;
    do {
      Value item;
      const bool read = read_value(item, depth + 1);
      if (read || item.incomplete) value.items.push_back(std::move(item));
      if (!read) {
        value.incomplete = true;
        return false;
      }
    } while (take_symbol(","));
    return take_symbol("]") || fail_expecting("\",\" or \"]\" in the list");
  }

  bool read_scalar(Value& value, int depth) {
    const Location begin = location_;
    if (token().type == Tokenizer::TYPE_STRING) {
      std::string text;
      while (token().type == Tokenizer::TYPE_STRING) {
        Tokenizer::ParseStringAppend(token().text, &text);
        next();
      }
      value = make_scalar(Value::ScalarKind::kString, std::move(text), begin);
      return true;
    }
    const bool negative = take_symbol("-");
    const std::string text = absl::StrCat(negative ? "-" : "", token().text);
    if (token().type == Tokenizer::TYPE_INTEGER || token().type == Tokenizer::TYPE_FLOAT) {
      next();
      value = make_scalar(Value::ScalarKind::kNumber, text, begin);
      return true;
    }
    if (token().type != Tokenizer::TYPE_IDENTIFIER) return fail_expecting("a value");
    next();
    if (fragment_ && at_symbol("{")) {
      value = make_map(begin);
      ValueEntry entry{text, begin, false, {}};
      if (!read_value(entry.value, depth + 1)) return false;
      value.entries.push_back(std::move(entry));
      return true;
    }
    const bool null = fragment_ && text == "null";
    value = make_scalar(null       ? Value::ScalarKind::kNull
                        : negative ? Value::ScalarKind::kNumber
                                   : Value::ScalarKind::kWord,
                        text, begin);
    return true;
  }

  ByteColumns columns_;
  ByteColumns error_columns_;
  const std::shared_ptr<const Source> source_;
  const bool fragment_;
  Diagnostics& diagnostics_;
  google::protobuf::io::ArrayInputStream stream_;
  Tokenizer tokenizer_;
  // Of the current token.
  Location location_;
  std::string token_error_;
  Location token_error_location_;
  int nodes_ = 0;
  bool failed_ = false;
};

}  // namespace

Value read_textproto(const std::string& text, std::shared_ptr<const Source> source,
                     Diagnostics& diagnostics) {
  return Reader(text, std::move(source), false, diagnostics).read_file();
}

absl::optional<Value> read_fragment(const std::string& argument, size_t offset, bool message,
                                    std::shared_ptr<const Source> source,
                                    Diagnostics& diagnostics) {
  // Spaces keep the columns those of the argument.
  const std::string text = std::string(offset, ' ') + argument.substr(offset);
  return Reader(text, std::move(source), true, diagnostics).read_argument(message);
}

}  // namespace composer
