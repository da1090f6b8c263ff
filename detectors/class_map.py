"""From the names a detector knows to the names of a dataset: by name, never by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

COCO_CLASSES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""The 80 classes of COCO 2017 detection, in the order of its label numbers."""

SAME_THING = ({"person", "people", "pedestrian"}, {"traffic light", "lamp"}, {"motorcycle", "motorbike"})
"""Names that stand for one class across COCO, M3FD (its Lamp boxes sit on traffic lights), LLVIP and MSRS."""


def map_by_name(labels: Mapping[int, str], classes: Sequence[str]) -> dict[str, str]:
    """Model label → dataset class for every label that a dataset class answers to, ignoring case.

    Labels without a counterpart are absent from the result: their detections are dropped.

    >>> map_by_name({0: "person", 2: "car", 9: "kite"}, ["People", "Car"])
    {'person': 'People', 'car': 'Car'}
    """
    by_name = {name.casefold(): name for name in classes}
    mapped = {}
    for label in labels.values():
        own = label.casefold()
        names = next((group for group in SAME_THING if own in group), {own})
        counterpart = next((by_name[name] for name in (own, *sorted(names)) if name in by_name), None)
        if counterpart is not None:
            mapped[label] = counterpart
    return mapped


def resolve_class_map(
    labels: Mapping[int, str], classes: Sequence[str], class_map: Mapping[str | int, str] | None, source: str
) -> dict[str, str]:
    """The map to use: ``class_map`` if given (keys are label names or numbers), else :func:`map_by_name`.

    Raises ``ValueError`` where the map names an unknown label or class, or where no label maps at all.
    """
    if class_map is None:
        mapped = map_by_name(labels, classes)
    else:
        mapped = {labels.get(key, str(key)) if isinstance(key, int) else key: name for key, name in class_map.items()}
        strangers = sorted(set(mapped) - set(labels.values())) + sorted(set(mapped.values()) - set(classes))
        if strangers:
            raise ValueError(
                f"class map of {source} names {', '.join(map(repr, strangers))}: expected labels of the detector "
                f"({_some([*labels.values()])}) mapped to classes of the dataset ({', '.join(classes)})"
            )
    if not mapped:
        raise ValueError(
            f"{source} detects {_some([*labels.values()])}; none is a class of the dataset ({', '.join(classes)}): "
            f"give a class map from its labels to these classes"
        )
    return mapped


def _some(names: Sequence[str], limit: int = 8) -> str:
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
