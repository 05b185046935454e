"""Every name the suite knows, and the code behind it as ``module:function``.

This file imports nothing, so that planning can refuse an unknown name without torch. To add a
model, a data set, a criterion, an initialiser or a procedure, add its function and one line here.
"""

# fmt: off
MODELS = {
    "lenet_300_100": "common.models.lenet:lenet_300_100",
    "lenet5_caffe": "common.models.lenet:lenet5_caffe",
    "mlp6": "common.models.small:mlp6",
    "conv_mnist": "common.models.small:conv_mnist",
    "conv2": "common.models.convnets:conv2",
    "conv4": "common.models.convnets:conv4",
    "conv6": "common.models.convnets:conv6",
    "alexnet_s": "common.models.alexnet:alexnet_s",
    "alexnet_b": "common.models.alexnet:alexnet_b",
    "vgg_c": "common.models.vgg:vgg_c",
    "vgg_d": "common.models.vgg:vgg_d",
    "vgg_like": "common.models.vgg:vgg_like",
    "vgg11": "common.models.vgg:vgg11",
    "vgg16": "common.models.vgg:vgg16",
    "vgg19": "common.models.vgg:vgg19",
    "tiny_vgg11": "common.models.vgg:tiny_vgg11",
    "tiny_vgg16": "common.models.vgg:tiny_vgg16",
    "resnet20": "common.models.resnet:resnet20",
    "resnet32": "common.models.resnet:resnet32",
    "resnet56": "common.models.resnet:resnet56",
    "resnet110": "common.models.resnet:resnet110",
    "resnet20_a": "common.models.resnet:resnet20_a",
    "resnet32_a": "common.models.resnet:resnet32_a",
    "resnet56_a": "common.models.resnet:resnet56_a",
    "cifar_resnet18": "common.models.resnet:cifar_resnet18",
    "cifar_resnet34": "common.models.resnet:cifar_resnet34",
    "cifar_resnet50": "common.models.resnet:cifar_resnet50",
    "resnet18": "common.models.resnet:resnet18",
    "resnet34": "common.models.resnet:resnet34",
    "resnet50": "common.models.resnet:resnet50",
    "wrn_16_8": "common.models.wrn:wrn_16_8",
    "wrn_16_10": "common.models.wrn:wrn_16_10",
    "wrn_22_8": "common.models.wrn:wrn_22_8",
    "lstm_s": "common.models.recurrent:lstm_s",
    "lstm_b": "common.models.recurrent:lstm_b",
    "gru_s": "common.models.recurrent:gru_s",
    "gru_b": "common.models.recurrent:gru_b",
}
MODEL_PREFIXES = ("timm:", "torchvision:")

INITIALISERS = {
    "default": "common.models.initialise:default",
    "vs": "common.models.initialise:vs",
    "vs_x": "common.models.initialise:vs_x",
    "vs_h": "common.models.initialise:vs_h",
    "rn": "common.models.initialise:rn",
    "tn": "common.models.initialise:tn",
    "xavier_normal": "common.models.initialise:xavier_normal",
    "kaiming_normal": "common.models.initialise:kaiming_normal",
    "kaiming_normal_norm_uniform": "common.models.initialise:kaiming_normal_norm_uniform",
    "kaiming_fan_out": "common.models.initialise:kaiming_fan_out",
    "fan_out_small_head": "common.models.initialise:fan_out_small_head",
    "fan_out_default_head": "common.models.initialise:fan_out_default_head",
    "orthogonal": "common.models.initialise:orthogonal",
}

DATA = {
    "digits": "common.data.digits:digits",
    "mnist": "common.data.idx:mnist",
    "fashion_mnist": "common.data.idx:fashion_mnist",
    "cifar10": "common.data.cifar:cifar10",
    "cifar10_batch1": "common.data.cifar:cifar10_batch1",
    "cifar100": "common.data.cifar:cifar100",
    "tiny_imagenet": "common.data.folders:tiny_imagenet",
    "imagenet": "common.data.folders:imagenet",
}

# Classes of each data set: a diverged run counts at chance level.
CLASSES = {
    "digits": 10,
    "mnist": 10,
    "fashion_mnist": 10,
    "cifar10": 10,
    "cifar10_batch1": 10,
    "cifar100": 100,
    "tiny_imagenet": 200,
    "imagenet": 1000,
}

# Files of each data set below DATA_ROOT -> md5. Data sets without fixed files are not listed:
# digits comes with scikit-learn, the ImageNets are folders of images.
FILES = {
    "mnist": {
        "MNIST/raw/train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "MNIST/raw/train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "MNIST/raw/t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "MNIST/raw/t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    "fashion_mnist": {
        "FashionMNIST/raw/train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "FashionMNIST/raw/train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "FashionMNIST/raw/t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    "cifar10": {
        "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
        "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
        "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
    },
    "cifar10_batch1": {
        "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
        "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
    },
    "cifar100": {
        "cifar-100-python/train": "16019d7e3df5f24257cddd939b257f8d",
        "cifar-100-python/test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    },
}

# Whatever turns a network into masks; `dense` keeps every weight.
CRITERIA = {
    "dense": "common.pruning.criteria:dense",
    "random": "common.pruning.criteria:random",
    "uniform": "common.pruning.criteria:uniform",
    "er": "common.pruning.criteria:er",
    "erk": "common.pruning.criteria:erk",
    "smart_ratio": "common.pruning.criteria:smart_ratio",
    "smart_ratio_vgg": "common.pruning.criteria:smart_ratio_vgg",
    "magnitude": "common.pruning.criteria:magnitude",
    "snip": "common.pruning.criteria:snip",
    "snip_it": "common.pruning.criteria:snip_it",
    "iter_snip": "common.pruning.criteria:iter_snip",
    "force": "common.pruning.criteria:force",
    "grasp": "common.pruning.grasp:grasp",
    "grasp_abs": "common.pruning.grasp:grasp_abs",
    "grasp_it": "common.pruning.criteria:grasp_it",
    "synflow": "common.pruning.synflow:synflow",
}

ABLATIONS = {
    "none": "the masks as the criterion gives them",
    "shuffle": "each layer's mask permuted at random: only the layer densities survive",
    "redraw": "the weights drawn anew after pruning: only the mask survives",
    "invert": "the ranking turned round: the lowest scores are kept",
    "empty_layer": "the layer in the middle of the network emptied",
}

# What `analyse_masks` can measure on a network and its masks, without training.
MEASURES = {
    "counts": "common.procedures.measures.masks:counts",
    "layer_density": "common.procedures.measures.masks:layer_density",
    "connectivity": "common.procedures.measures.masks:connectivity",
    "density_deviation": "common.procedures.measures.layers:density_deviation",
    "multiplier_identity": "common.procedures.measures.scores:multiplier_identity",
    "conservation": "common.procedures.measures.scores:conservation",
    "mask_image": "common.procedures.measures.images:mask_image",
    "image_correlation": "common.procedures.measures.images:image_correlation",
    "class_images": "common.procedures.measures.images:class_images",
    "removal_change": "common.procedures.measures.gradient_flow:removal_change",
    "gradient_after_pruning": "common.procedures.measures.gradient_flow:gradient_after_pruning",
    "norm_change": "common.procedures.measures.gradient_flow:norm_change",
    "mask_choices": "common.procedures.measures.mask_choices:mask_choices",
    "smallest_share": "common.procedures.measures.mask_choices:smallest_share",
    "training_cost": "common.procedures.measures.training_cost:training_cost",
    "objective": "common.procedures.measures.saliency:objective",
    "gradient_cosine": "common.procedures.measures.saliency:gradient_cosine",
    "expansion": "common.procedures.measures.saliency:expansion",
    "pruning_steps": "common.procedures.measures.steps:pruning_steps",
    "one_step": "common.procedures.measures.steps:one_step",
    "batches_scored": "common.procedures.measures.steps:batches_scored",
    "snip_it_likeness": "common.procedures.measures.steps:snip_it_likeness",
    "mask_stability": "common.procedures.measures.steps:mask_stability",
    "emptied": "common.procedures.measures.emptied:emptied",
    "costs": "common.procedures.measures.costs:costs",
    "layer_totals": "common.procedures.measures.flow:layer_totals",
    "unit_totals": "common.procedures.measures.flow:unit_totals",
    "prune_size": "common.procedures.measures.flow:prune_size",
    "critical_compression": "common.procedures.measures.collapse:critical_compression",
    "first_to_empty": "common.procedures.measures.collapse:first_to_empty",
    "maximal_compression": "common.procedures.measures.collapse:maximal_compression",
    "data_bits": "common.procedures.measures.collapse:data_bits",
    "class_collapse": "common.procedures.measures.collapse:class_collapse",
}

# A measure whose numbers have changed since runs of it were stored: its version, from 2 on.
MEASURE_VERSIONS: dict[str, int] = {}

# What runs record, as claims write it (<split>_<metric>; * stands for a parameter or a pixel).
METRICS = {
    "counts": ("mask_kept", "mask_prunable", "mask_excess"),
    "layer_density": ("mask_density", "mask_effective_density", "mask_density:*"),
    "connectivity": ("mask_empty_layers", "mask_path", "mask_dead_units", "mask_units"),
    "density_deviation": ("mask_deviation",),
    "multiplier_identity": ("score_identity_float32", "score_identity_float64"),
    "conservation": ("score_conservation_spread",),
    "mask_image": ("image_pixel:*",),
    "image_correlation": ("image_correlation",),
    "class_images": ("image_hits", "image_good", "image_own", "image_other"),
    "removal_change": ("score_removal_error_tanh", "score_removal_error_relu"),
    "gradient_after_pruning": ("gradient_log_kept", "gradient_log_all", "gradient_log_dense"),
    "norm_change": (
        "gradient_change_error", "gradient_change_error_kept", "gradient_change_predicted",
        "gradient_change_true",
    ),
    "mask_choices": ("overlap_*",),
    "smallest_share": ("mask_log_smallest_share", "mask_density:*"),
    "training_cost": (
        "cost_weights_excess", "cost_weights_share", "cost_step_share", "cost_scoring_passes",
        "cost_scoring_share",
    ),
    "objective": ("score_objective", "score_dense_objective", "score_log_objective"),
    "gradient_cosine": ("score_gradient_cosine",),
    "expansion": ("score_group_error", "score_single_error", "score_group_excess"),
    "pruning_steps": (
        "steps_count", "steps_kept_error", "steps_removed_rise", "steps_removed_spread",
        "steps_returned", "steps_returned_any", "steps_new_share", "steps_new_any", "steps_kept:*",
    ),
    "one_step": ("steps_one_step_differences",),
    "batches_scored": ("steps_batches",),
    "snip_it_likeness": ("steps_layer_log_ratio", "steps_jaccard"),
    "mask_stability": ("steps_jaccard_dtypes",),
    "emptied": ("emptied_gradient", "emptied_spread", "emptied_error"),
    "costs": (
        "cost_weights", "cost_forward", "cost_training", "cost_dense_weights",
        "cost_dense_forward", "cost_dense_training", "cost_fewer",
    ),
    "layer_totals": (
        "score_total:*", "score_total_spread", "score_total_ratio", "score_size_slope",
    ),
    "unit_totals": ("score_unit_difference", "score_unit_correlation", "score_unit_count"),
    "prune_size": ("score_prune_size_ratio",),
    "critical_compression": (
        "mask_alpha_path", "mask_alpha_empty", "mask_alpha_max", "mask_alpha_left",
    ),
    "first_to_empty": ("mask_first_empty", "mask_first_empty_size"),
    "maximal_compression": ("mask_survives", "mask_layers_alive", "mask_kept"),
    "data_bits": ("mask_data_bits",),
    "class_collapse": ("mask_alpha_empty:*", "mask_alpha_first:*"),
    "follow_training": (
        "batch_loss", "batch_log_gradient", "batch_mean_loss", "batch_mean_log_gradient",
        "weights_slope", "weights_slope_change", "run_diverged", "run_degenerate",
    ),
    "training": (
        "train_loss", "test_error", "test_loss", "test_best_error", "validation_error",
        "validation_loss", "run_diverged", "run_degenerate", "run_trainings", "mask_density",
        "mask_effective_density", "mask_density:*",
    ),
}

# The metrics in points, 0 to 100; all others have the unit that their docstrings say.
POINTS = ("test_error", "test_best_error", "validation_error")

# A procedure is what an arm does: (code, version, whether it trains). A new version makes every
# stored run of the procedure stale; the canary test fails when results change without one.
PROCEDURES = {
    "prune_then_train": ("common.procedures.prune_then_train:run", 1, True),
    "prune_and_retrain": ("common.procedures.prune_and_retrain:run", 1, True),
    "follow_training": ("common.procedures.follow_training:run", 1, True),
    "analyse_masks": ("common.procedures.analyse_masks:run", 2, False),
}
# fmt: on
