"""All that is fuzzed, by name."""

from tests.fuzz import data_subjects, field_subjects, mesh_subjects, picture_subjects
from tests.fuzz.subject import Subject

LISTS = (field_subjects, data_subjects, mesh_subjects, picture_subjects)
SUBJECTS: dict[str, Subject] = {subject.name: subject for module in LISTS for subject in module.SUBJECTS}
