import gzip
import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from synthetic_data import batch_file, draw, idx, mnist_files, random_split, sentence

from common import files
from common.data import Data, Split, load
from common.data.cifar import read_batch
from common.data.idx import read_idx
from common.errors import Refused


def assert_holds(data, train, test, classes):
    """The data set holds exactly these images and labels, and the moments of the first."""
    assert isinstance(data, Data) and data.classes == classes
    for split, (images, labels) in ((data.train, train), (data.test, test)):
        assert np.array_equal(split.images.numpy(), images)
        assert np.array_equal(split.labels.numpy(), labels)
    scaled = train[0].astype(np.float64) / 255
    assert np.allclose(data.mean, scaled.mean((0, 2, 3)), rtol=1e-12)
    assert np.allclose(data.sd, scaled.std((0, 2, 3)), rtol=1e-12)
    assert data.in_shape == train[0].shape[1:]


@pytest.mark.parametrize("name, folder", [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_idx_files(put, name, folder):
    train, test = draw(37, 28, 28, seed=1), draw(5, 28, 28, seed=2)
    put(name, mnist_files(train, test, folder))
    grey = [(images[:, None], labels) for images, labels in (train, test)]
    assert_holds(load(name), *grey, classes=10)


def cifar_files(batches, test):
    names = [f"cifar-10-batches-py/data_batch_{number + 1}" for number in range(len(batches))]
    contents = {name: batch_file(*batch) for name, batch in zip(names, batches, strict=True)}
    return {**contents, "cifar-10-batches-py/test_batch": batch_file(*test)}


def test_cifar10_joins_five_batches_in_order(put):
    batches = [draw(4 + number, 3, 32, 32, seed=number) for number in range(5)]
    test = draw(6, 3, 32, 32, seed=9)
    put("cifar10", cifar_files(batches, test))
    train = tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert_holds(load("cifar10"), train, test, classes=10)


def test_cifar10_batch1_needs_no_other_batch(put):
    train, test = draw(7, 3, 32, 32), draw(6, 3, 32, 32, seed=9)
    put("cifar10_batch1", cifar_files([train], test))
    assert_holds(load("cifar10_batch1"), train, test, classes=10)


def test_cifar100_takes_the_fine_labels(put):
    train = draw(7, 3, 32, 32, classes=100)
    test = draw(6, 3, 32, 32, classes=100, seed=9)
    parts = {"train": train, "test": test}
    put(
        "cifar100",
        {f"cifar-100-python/{part}": batch_file(*parts[part], "fine_labels") for part in parts},
    )
    assert_holds(load("cifar100"), train, test, classes=100)


def save(path, array, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).convert(mode).save(path, quality=95)
    return np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)


def tiny_imagenet(root):
    """Three classes, four images each, five validation images; one of them is grey."""
    folder = root / "tiny-imagenet-200"
    wnids = ["n02", "n01", "n10"]
    (folder / "words.txt").parent.mkdir(parents=True)
    (folder / "wnids.txt").write_text("\n".join(wnids))
    pixels = iter(draw(17, 64, 64, 3)[0])
    train = []
    for label, wnid in enumerate(sorted(wnids)):
        for number in range(4):
            path = folder / "train" / wnid / "images" / f"{wnid}_{number}.JPEG"
            train.append((save(path, next(pixels), "L" if number == 2 else "RGB"), label))
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text("not an image")
    test, lines = [], []
    for number, wnid in enumerate(["n10", "n01", "n01", "n02", "n10"]):
        image = save(folder / "val" / "images" / f"val_{number}.JPEG", next(pixels))
        test.append((image, sorted(wnids).index(wnid)))
        lines.append(f"val_{number}.JPEG\t{wnid}\t0\t0\t62\t62")
    (folder / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    return [tuple(map(np.stack, zip(*part, strict=True))) for part in (train, test)]


def test_tiny_imagenet(root):
    train, test = tiny_imagenet(root)
    assert_holds(load("tiny_imagenet"), train, test, classes=3)


def test_tiny_imagenet_with_a_foreign_class_is_refused(root):
    tiny_imagenet(root)
    file = root / "tiny-imagenet-200/val/val_annotations.txt"
    file.write_text(file.read_text().replace("n02", "n99"))
    with pytest.raises(Refused, match="n99"):
        load("tiny_imagenet")


def test_a_broken_image_is_named(root):
    tiny_imagenet(root)
    path = root / "tiny-imagenet-200/train/n01/images/n01_1.JPEG"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(Refused, match=r"n01_1\.JPEG"):
        load("tiny_imagenet")


def test_an_image_of_another_size_is_named(root):
    tiny_imagenet(root)
    save(root / "tiny-imagenet-200/train/n01/images/n01_1.JPEG", draw(1, 32, 64, 3)[0][0])
    with pytest.raises(Refused, match=r"n01_1\.JPEG is \(32, 64\) pixels large"):
        load("tiny_imagenet")


def imagenet(root, classes=("a", "b"), each=2):
    """Flat colours, so that resizing cannot change them; a white border that the crop cuts off."""
    for part, count in (("train", each), ("val", 1)):
        for label, name in enumerate(classes):
            for number in range(count):
                wide = np.full((256, 400, 3), 255, np.uint8)
                wide[16:240, 88:312] = 40 * label + 10 * number
                path = root / "imagenet" / part / name / f"{number}.JPEG"
                path.parent.mkdir(parents=True, exist_ok=True)
                image = Image.fromarray(wide if number == 0 else wide.transpose(1, 0, 2))
                image.save(path, quality=100, subsampling=0)


def test_imagenet_keeps_the_centre(root):
    imagenet(root)
    data = load("imagenet")
    assert data.in_shape == (3, 224, 224) and data.classes == 2
    assert data.train.labels.tolist() == [0, 0, 1, 1] and data.test.labels.tolist() == [0, 1]
    for image, colour in zip(data.train.images, (0, 10, 40, 50), strict=True):
        assert (image[:, 8:-8, 8:-8].int() - colour).abs().max() <= 3
        assert image.float().mean() < colour + 15


def test_imagenet_with_other_classes_in_val_is_refused(root):
    imagenet(root)
    os.rename(root / "imagenet/val/b", root / "imagenet/val/c")
    with pytest.raises(Refused, match="class 'b' is in one of train and val only"):
        load("imagenet")


def test_another_file_makes_another_tensor_file(root):
    imagenet(root)
    assert len(load("imagenet").train) == 4
    imagenet(root, each=3)
    assert len(load("imagenet").train) == 6


def test_digits_have_their_fixed_split(root):
    from sklearn.datasets import load_digits

    data = load("digits")
    assert (len(data.train), len(data.test)) == (1437, 360)
    assert data.in_shape == (1, 8, 8) and data.classes == 10
    assert data.train.images.max() == 240 and (data.train.images % 15 == 0).all()
    bunch = load_digits()
    whole = torch.cat([data.train.images, data.test.images]).flatten(1) // 15
    given = torch.tensor(bunch.data, dtype=torch.uint8)
    assert sorted(map(tuple, whole.tolist())) == sorted(map(tuple, given.tolist()))
    fifth = torch.tensor(bunch.target).bincount() / 5
    assert (data.test.labels.bincount() - fifth).abs().max() < 1
    known = {tuple(row): label for row, label in zip(given.tolist(), bunch.target, strict=True)}
    for split in (data.train, data.test):
        for image, label in zip(split.images, split.labels, strict=True):
            assert known[tuple((image.flatten() // 15).tolist())] == label


def test_other_digits_are_refused(root, monkeypatch):
    import sklearn.datasets

    bunch = sklearn.datasets.load_digits()
    bunch.images[0, 0, 0] += 1
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: bunch)
    with pytest.raises(Refused, match="digits"):
        load("digits")


def test_unknown_names_are_refused():
    with pytest.raises(Refused, match="did you mean 'cifar10'"):
        load("cifar11")


class Bomb:
    def __init__(self, call, *arguments):
        self.parts = (call, arguments)

    def __reduce__(self):
        return self.parts


def test_a_pickle_that_calls_is_refused_even_with_the_right_md5(put, tmp_path):
    marker = tmp_path / "called"
    for call in (Bomb(os.system, f"touch {marker}"), Bomb(eval, f"open({str(marker)!r}, 'w')")):
        content = pickle.dumps({"data": call}, protocol=3)
        put("cifar10_batch1", dict.fromkeys(cifar_files([], draw(1, 3, 32, 32)), content))
        path = next((tmp_path / "data").rglob("test_batch"))
        with pytest.raises(Refused, match=r"it asks for (posix\.system|builtins\.eval)") as error:
            read_batch(path, "labels", 10)
        assert "is not a batch of CIFAR" in sentence(error)
    assert not marker.exists()


def test_a_batch_with_the_wrong_md5_is_not_even_read(put, root, monkeypatch):
    put("cifar10_batch1", cifar_files([draw(2, 3, 32, 32)], draw(2, 3, 32, 32)))
    (root / "cifar-10-batches-py/test_batch").write_bytes(pickle.dumps(Bomb(os.getpid)))

    def never(*_):
        raise AssertionError("read before its md5 was compared")

    monkeypatch.setattr("common.data.cifar.read_batch", never)
    with pytest.raises(Refused, match=r"test_batch .* is truncated or corrupt"):
        load("cifar10_batch1")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02",
        pickle.dumps(3),
        pickle.dumps({b"labels": [1]}),
        batch_file(*draw(3, 3, 32, 32))[:-40],
        batch_file(draw(3, 3, 32, 32)[0], [0, 1]),
        batch_file(draw(2, 3, 32, 32)[0], [0, 10]),
        batch_file(draw(2, 3, 31, 32)[0], [0, 1]),
        batch_file(draw(2, 3, 32, 32)[0].astype(float), [0, 1]),
        batch_file(np.empty((0, 3, 32, 32), np.uint8), []),
    ],
)
def test_damaged_batches_are_refused(tmp_path, content):
    (tmp_path / "batch").write_bytes(content)
    with pytest.raises(Refused) as refused:
        read_batch(tmp_path / "batch", "labels", 10)
    assert "batch" in sentence(refused)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        idx(draw(2, 28, 28)[0])[:-20],
        gzip.compress(b"\0\0\x08\x03", mtime=0),
        gzip.compress(b"\0\0\x0d\x03" + bytes(12), mtime=0),
        idx(draw(2, 28)[0]),
        gzip.compress(bytes((0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2)) + b"abc", mtime=0),
    ],
    ids=range(7),  # the same in every process of a parallel run, unlike compressed bytes
)
def test_damaged_idx_files_are_refused(tmp_path, content):
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(Refused) as refused:
        read_idx(tmp_path / "x.gz", 3)
    assert "x.gz" in sentence(refused)


def test_labels_out_of_range_or_too_few_are_refused(put):
    images, labels = draw(4, 28, 28)
    put("mnist", mnist_files((images, np.array([0, 1, 2, 10])), (images, labels)))
    with pytest.raises(Refused, match=r"labels outside 0\.\.9"):
        load("mnist")
    put("mnist", mnist_files((images, labels[:3]), (images, labels)))
    with pytest.raises(Refused, match="4 images for 3 labels"):
        load("mnist")
    assert not list(files.CACHE.rglob("*.safetensors"))


def test_a_split_refuses_what_is_not_labelled_images():
    split = random_split(3, 1, 2, 2)
    with pytest.raises(Refused, match="uint8"):
        Split(split.images.float(), split.labels)
    with pytest.raises(Refused, match="labels"):
        Split(split.images, split.labels[:2])
    part = split.take(torch.tensor([2, 0]))
    assert torch.equal(part.images[0], split.images[2]) and len(part) == 2
