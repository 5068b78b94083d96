"""paqa build --plugin examples/new_corpus.py --source my_urbansound8k --root UrbanSound8K"""

import csv

from paqa_builder import Clip, Source, Truth

CLASSES = "Air conditioning|Vehicle horn, car horn, honking|Children playing|Bark|Drill"  # by classID
CLASSES += "|Idling|Gunshot, gunfire|Jackhammer|Siren|Music"


class MyUrbanSound8k(Source):
    name = "my_urbansound8k"

    def clips(self):
        for row in csv.DictReader((self.root / "metadata" / "UrbanSound8K.csv").open()):
            tag = self.presence(CLASSES.split("|")[int(row["classID"])])
            yield Clip(
                id=row["slice_file_name"].removesuffix(".wav"),
                source=self.name,
                split="test" if row["fold"] == "10" else "train",
                path=str(self.root / "audio" / f"fold{row['fold']}" / row["slice_file_name"]),
                license="CC-BY-NC-3.0",
                truth=Truth(tags=(tag,)),
            )
