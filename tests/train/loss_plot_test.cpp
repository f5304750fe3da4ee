#include "train/worker/loss_plot.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include <cairo.h>
#include <doctest/doctest.h>

#include "lmf/error.hpp"
#include "train/fixture.hpp"

using namespace lmf;

namespace {

/// Pixels that are neither white nor grey: the curves.
int coloured_pixels(const std::filesystem::path& file, int& width, int& height) {
  const std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)> surface(
      cairo_image_surface_create_from_png(file.c_str()), cairo_surface_destroy);
  REQUIRE(cairo_surface_status(surface.get()) == CAIRO_STATUS_SUCCESS);
  width = cairo_image_surface_get_width(surface.get());
  height = cairo_image_surface_get_height(surface.get());
  int count = 0;
  for (int y = 0; y < height; ++y) {
    const unsigned char* row =
        cairo_image_surface_get_data(surface.get()) + y * cairo_image_surface_get_stride(surface.get());
    for (int x = 0; x < width; ++x) count += std::abs(int(row[4 * x]) - int(row[4 * x + 2])) > 30;
  }
  return count;
}

}  // namespace

TEST_CASE("the smoothed curve is the original's") {
  double difference = 0.0;
  const auto numbers = test::train_fixture("numbers.json");
  for (const auto& series : numbers["smoothing"]) {
    const auto smoothed = train::smooth(series["values"].get<std::vector<double>>());
    REQUIRE(smoothed.size() == series["smoothed"].size());
    for (std::size_t i = 0; i < smoothed.size(); ++i) {
      difference = std::max(difference, std::abs(smoothed[i] - series["smoothed"][i].get<double>()));
    }
  }
  MESSAGE("largest difference " << difference);
  CHECK(difference < 1e-13);
  CHECK(train::smooth({}).empty());
}

TEST_CASE("axis marks are round numbers inside the range") {
  CHECK(train::axis_marks(0.6, 10.4, 6) == std::vector<double>{2, 4, 6, 8, 10});
  CHECK(train::axis_marks(-1.1, 1.1, 4) == std::vector<double>{-1, 0, 1});
  CHECK(train::axis_marks(0.9, 2.1, 6, 1.0) == std::vector<double>{1, 2});
  CHECK(train::axis_marks(1, 1, 6).empty());
  CHECK(train::axis_marks(0, INFINITY, 6).empty());
}

TEST_CASE("a plot is a PNG of 640 x 480 with a curve in it") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "training_loss.png";
  int width = 0, height = 0;
  for (const train::Curve& curve : {train::Curve{{1, 2, 3, 4}, {4, 2, 3, 1}}, train::Curve{{7}, {1.5}},
                                    train::Curve{{1, 2, 3}, {5, 5, 5}}, train::Curve{{1, 2, 3}, {1e30, -1e30, 1}}}) {
    train::plot_curve(file, "training loss of somewhere", "step", "loss", curve);
    CHECK(coloured_pixels(file, width, height) > 100);
    CHECK(width == 640);
    CHECK(height == 480);
  }
}

TEST_CASE("values that are no numbers are left out; nothing but them is an error") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "training_loss.png";
  train::plot_curve(file, "t", "step", "loss", {{1, 2, 3}, {1, NAN, 2}});
  CHECK(std::filesystem::exists(file));
  CHECK_THROWS_AS(train::plot_curve(file, "t", "step", "loss", {{1}, {INFINITY}}), Error);
}
