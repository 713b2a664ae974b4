import pytest
import torch

from lacbed_gan.measures.metrics import correlation_r, mse
from lacbed_gan.measures.origin import BAD_MSE, aligned, misjudged, origin_mse, origin_r


def images(count=3, height=16, width=16, seed=0):
    """8-bit images in [0, 1]."""
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 1, height, width), generator=random) / 255


def inverted(image):
    """ρ(−r): index i of n goes to −i mod n."""
    return image.flip(-2, -1).roll((1, 1), (-2, -1))


def all_copies(image):
    """Every shifted and inverted copy of images (B, ..., H, W): (2·H·W, B, ..., H, W)."""
    height, width = image.shape[-2:]
    shifts = [(i, j) for i in range(height) for j in range(width)]
    return torch.stack([copy.roll(shift, (-2, -1)) for copy in (image, inverted(image)) for shift in shifts])


def test_inversion_by_hand():
    image = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    assert torch.equal(inverted(image), torch.tensor([[1.0, 3.0, 2.0], [7.0, 9.0, 8.0], [4.0, 6.0, 5.0]]))


@pytest.mark.parametrize(("height", "width"), [(16, 16), (8, 12), (7, 9)])
def test_every_shifted_or_inverted_copy_scores_exactly_0_and_1(height, width):
    image = images(1, height, width)
    copies = all_copies(image)[:, 0]
    truth = image.expand(copies.shape)
    assert torch.equal(aligned(copies, truth), copies)
    assert origin_mse(copies, truth).eq(0).all()
    assert origin_r(copies, truth).eq(1).all()


def test_a_copy_that_differs_from_another_shift_by_one_count_in_one_pixel_is_found():
    """Superstructure: both halves of the cell alike but for 1/255, where single precision would not tell."""
    image = images(1, 64, 32).tile(1, 1, 1, 2)
    image[0, 0, 5, 40] += 1 / 255
    prediction = inverted(image).roll((3, 40), (-2, -1))
    assert torch.equal(aligned(prediction, image), prediction)
    assert origin_mse(prediction, image).item() == 0


def test_the_best_of_all_copies_for_both_measures():
    """Against trying each of them, on unrelated images, where the plain measures' best is wherever it is."""
    prediction, target = images(4, 6, 8, seed=1), images(4, 6, 8, seed=2)
    copies = all_copies(target)
    best = torch.stack([mse(prediction, c) for c in copies]).amin(0)
    torch.testing.assert_close(origin_mse(prediction, target), best)
    best_r = torch.stack([correlation_r(prediction, c) for c in copies]).amax(0)
    torch.testing.assert_close(origin_r(prediction, target), best_r)
    both = mse(prediction, aligned(prediction, target)), correlation_r(prediction, aligned(prediction, target))
    torch.testing.assert_close(both, (best, best_r))


def test_neither_origin_nor_sense_of_either_image_matters():
    prediction, target = images(5, seed=1), images(5, seed=2)
    moved = inverted(target).roll((3, 7), (-2, -1)), inverted(prediction).roll((11, 2), (-2, -1))
    for measure in (origin_mse, origin_r):
        torch.testing.assert_close(measure(prediction, moved[0]), measure(prediction, target))
        torch.testing.assert_close(measure(moved[1], target), measure(prediction, target))
        torch.testing.assert_close(measure(target, prediction), measure(prediction, target))


def test_never_worse_than_the_plain_measures():
    prediction = images(20, seed=1)
    for target in (images(20, seed=2), (prediction + 0.01 * images(20, seed=3)).clamp(0, 1)):
        assert (origin_mse(prediction, target) <= mse(prediction, target)).all()
        assert (origin_r(prediction, target) >= correlation_r(prediction, target)).all()


@pytest.mark.parametrize("level", [0.0, 0.1, 0.3, 1.0])
def test_a_constant_image_has_r_a_half_and_its_plain_mse(level):
    constant = torch.full((3, 1, 16, 16), level)
    assert origin_r(constant, images()).tolist() == origin_r(images(), constant).tolist() == [0.5] * 3
    torch.testing.assert_close(origin_mse(constant, images()), mse(constant, images()))


def test_images_of_one_crystal_are_shifted_together_and_batches_have_any_dimensions():
    image = images(6, seed=4).reshape(2, 3, 16, 16)
    apart = torch.stack([image[:, i].roll(i, -1) for i in range(3)], 1)
    assert (origin_mse(apart, image) > 0.01).all()
    assert origin_mse(inverted(image), image).tolist() == [0, 0]
    assert origin_mse(image[:, 0], inverted(image)[:, 0]).tolist() == [0, 0]


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 1, 16, 16\).*\(3, 16, 16\)"):
        aligned(images(), images()[:, 0])


def test_an_image_that_is_not_finite_does_not_hide():
    bad = images()
    bad[1, 0, 3, 3] = float("nan")
    assert origin_mse(bad, images()).isnan().tolist() == [False, True, False]


def test_misjudged_are_bad_by_the_plain_measure_and_right_but_for_the_origin():
    cases = {
        (20 * BAD_MSE, BAD_MSE / 2): 1,
        (1.1 * BAD_MSE, 0.0): 1,
        (20 * BAD_MSE, 10 * BAD_MSE): 0,  # wrong wherever the origin is
        (1.1 * BAD_MSE, BAD_MSE): 0,  # the origin is not to blame
        (0.9 * BAD_MSE, 0.0): 0,  # not bad by the plain measure
    }
    for (plain, independent), count in cases.items():
        assert misjudged(torch.tensor([plain]), torch.tensor([independent])) == count
    plain, independent = torch.tensor(list(cases)).T
    assert misjudged(plain, independent) == 2
