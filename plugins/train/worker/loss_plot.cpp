#include "train/worker/loss_plot.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <memory>
#include <utility>

#include <cairo.h>
#include <fmt/format.h>

#include "base/files.hpp"
#include "lmf/error.hpp"

namespace lmf::train {
namespace {

constexpr int kWidth = 640, kHeight = 480;  // pixels
constexpr double kLeft = 80, kRight = 576, kTop = 58, kBottom = 427;
constexpr double kFontSize = 13, kTitleSize = 16;

struct Range {
  double low, high;
  /// Of the values, with a margin of 5 % so that no curve touches the frame.
  static Range of(const std::vector<double>& values) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double margin = *high > *low ? 0.05 * (*high - *low) : std::max(0.05 * std::abs(*high), 0.05);
    return {*low - margin, *high + margin};
  }
  double at(double value, double from, double to) const { return from + (value - low) / (high - low) * (to - from); }
};

/// What cairo writes. Its frames are C: an exception waits until they have returned.
struct PngBytes {
  std::string bytes;
  std::exception_ptr failure;

  static cairo_status_t append(void* to, const unsigned char* data, unsigned length) noexcept {
    auto& png = *static_cast<PngBytes*>(to);
    try {
      png.bytes.append(reinterpret_cast<const char*>(data), length);
      return CAIRO_STATUS_SUCCESS;
    } catch (...) {
      png.failure = std::current_exception();
      return CAIRO_STATUS_WRITE_ERROR;
    }
  }
};

enum class Anchor { left, middle, right };

class Canvas {
 public:
  Canvas(Range x, Range y)
      : x_(x),
        y_(y),
        surface_(cairo_image_surface_create(CAIRO_FORMAT_RGB24, kWidth, kHeight), cairo_surface_destroy),
        context_(cairo_create(surface_.get()), cairo_destroy) {
    cairo_set_source_rgb(context_.get(), 1, 1, 1);
    cairo_paint(context_.get());
    cairo_select_font_face(context_.get(), "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  }

  /// The text ends, is centred on or begins at x; `shrink_to`: at most that wide.
  void text(const std::string& words, double x, double y, double size, Anchor anchor, double shrink_to = kWidth) {
    cairo_set_source_rgb(context_.get(), 0, 0, 0);
    cairo_text_extents_t extents;
    for (cairo_set_font_size(context_.get(), size);; cairo_set_font_size(context_.get(), size *= 0.9)) {
      cairo_text_extents(context_.get(), words.c_str(), &extents);
      if (extents.width <= shrink_to || size < 6) break;
    }
    const double shift = anchor == Anchor::left ? 0 : anchor == Anchor::middle ? extents.width / 2 : extents.width;
    cairo_move_to(context_.get(), x - shift, y);
    cairo_show_text(context_.get(), words.c_str());
  }

  void vertical_text(const std::string& words, double x, double y) {
    cairo_save(context_.get());
    cairo_translate(context_.get(), x, y);
    cairo_rotate(context_.get(), -std::acos(-1.0) / 2);
    text(words, 0, 0, kFontSize, Anchor::middle);
    cairo_restore(context_.get());
  }

  void line(double x0, double y0, double x1, double y1, double width) {
    cairo_set_line_width(context_.get(), width);
    cairo_move_to(context_.get(), x0, y0);
    cairo_line_to(context_.get(), x1, y1);
    cairo_stroke(context_.get());
  }

  void ink(double opacity) { cairo_set_source_rgba(context_.get(), 0.12, 0.47, 0.71, opacity); }

  void curve(const Curve& points, double opacity) {
    ink(opacity);
    cairo_set_line_width(context_.get(), 2);
    cairo_set_line_join(context_.get(), CAIRO_LINE_JOIN_ROUND);
    cairo_new_path(context_.get());  // text leaves a point behind
    for (std::size_t i = 0; i < points.steps.size(); ++i) {
      cairo_line_to(context_.get(), x_.at(points.steps[i], kLeft, kRight), y_.at(points.values[i], kBottom, kTop));
    }
    cairo_stroke(context_.get());
    if (points.steps.size() != 1) return;
    cairo_arc(context_.get(), x_.at(points.steps[0], kLeft, kRight), y_.at(points.values[0], kBottom, kTop), 3, 0, 6.3);
    cairo_fill(context_.get());
  }

  void axes() {
    cairo_set_source_rgb(context_.get(), 0, 0, 0);
    cairo_set_line_width(context_.get(), 1);
    cairo_rectangle(context_.get(), kLeft + 0.5, kTop + 0.5, kRight - kLeft, kBottom - kTop);
    cairo_stroke(context_.get());
    for (double mark : axis_marks(x_.low, x_.high, 6, /*least_step=*/1.0)) {
      const double x = std::round(x_.at(mark, kLeft, kRight)) + 0.5;
      line(x, kBottom, x, kBottom + 4, 1);
      text(fmt::format("{:g}", mark), x, kBottom + 19, kFontSize, Anchor::middle);
    }
    for (double mark : axis_marks(y_.low, y_.high, 7)) {
      const double y = std::round(y_.at(mark, kBottom, kTop)) + 0.5;
      line(kLeft - 4, y, kLeft, y, 1);
      text(fmt::format("{:g}", mark), kLeft - 8, y + 4.5, kFontSize, Anchor::right);
    }
  }

  void legend() {
    const double x = kRight - 120;
    for (const auto& [words, opacity, y] :
         {std::tuple{"original", 0.4, kTop + 18}, std::tuple{"smoothed", 1.0, kTop + 38}}) {
      ink(opacity);
      line(x, y, x + 28, y, 2);
      text(words, x + 36, y + 4.5, kFontSize, Anchor::left);
    }
  }

  std::string png() const {
    PngBytes png;
    const cairo_status_t status = cairo_surface_write_to_png_stream(surface_.get(), PngBytes::append, &png);
    if (png.failure) std::rethrow_exception(png.failure);
    if (status != CAIRO_STATUS_SUCCESS)
      throw Error(fmt::format("cannot draw the loss curve: {}", cairo_status_to_string(status)));
    return std::move(png.bytes);
  }

 private:
  Range x_, y_;
  std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)> surface_;
  std::unique_ptr<cairo_t, void (*)(cairo_t*)> context_;
};

Curve finite_part(const Curve& curve) {
  Curve finite;
  for (std::size_t i = 0; i < curve.values.size(); ++i) {
    if (!std::isfinite(curve.values[i])) continue;
    finite.steps.push_back(curve.steps[i]);
    finite.values.push_back(curve.values[i]);
  }
  return finite;
}

}  // namespace

std::vector<double> smooth(const std::vector<double>& values) {
  if (values.empty()) return {};
  const double weight = 1.8 * (1.0 / (1.0 + std::exp(-0.05 * static_cast<double>(values.size()))) - 0.5);
  std::vector<double> averages;
  double average = values.front();
  for (double value : values) averages.push_back(average = weight * average + (1.0 - weight) * value);
  return averages;
}

std::vector<double> axis_marks(double low, double high, int count, double least_step) {
  const double rough = (high - low) / count;
  if (!(rough > 0.0) || !std::isfinite(rough)) return {};
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10.0 * power;
  for (double multiple : {5.0, 2.5, 2.0, 1.0}) {
    if (multiple * power >= rough) step = multiple * power;
  }
  step = std::max(step, least_step);
  std::vector<double> marks;
  for (double k = std::ceil(low / step); k * step <= high && marks.size() < 100; ++k)
    marks.push_back(k == 0 ? 0.0 : k * step);
  return marks;
}

void plot_curve(const std::filesystem::path& file, const std::string& title, const std::string& x_label,
                const std::string& y_label, const Curve& curve) {
  const Curve raw = finite_part(curve);
  if (raw.values.empty()) throw Error(fmt::format("there is no finite {} to draw in {}", y_label, file.string()));
  Canvas canvas(Range::of(raw.steps), Range::of(raw.values));
  canvas.axes();
  canvas.curve(raw, 0.4);
  canvas.curve({raw.steps, smooth(raw.values)}, 1.0);
  canvas.legend();
  canvas.text(title, kWidth / 2.0, kTop - 12, kTitleSize, Anchor::middle, kWidth - 40);
  canvas.text(x_label, (kLeft + kRight) / 2, kBottom + 40, kFontSize, Anchor::middle);
  canvas.vertical_text(y_label, 22, (kTop + kBottom) / 2);
  write_file_atomically(file, canvas.png());
}

}  // namespace lmf::train
